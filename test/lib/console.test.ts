import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { env } from "../../core/config.ts";
import { bundle } from "../../lib/bundle.ts";
import { functionOf, type Properties, synthesize, type Template, variables } from "./synthesis.ts";

let directory: string;
let template: Template;
let own: Template;

beforeAll(async () => {
  vi.stubEnv("CDK_VALIDATION", "false");
  vi.stubEnv("CDK_CONTEXT_JSON", undefined);
  directory = mkdtempSync(join(tmpdir(), "convoke-bundles-"));
  const bundles = await bundle(directory);
  template = synthesize(bundles, { env: "prod" });
  own = synthesize(bundles, {
    env: "prod",
    consoleDomain: "convoke.example",
    consoleCertificate: "arn:aws:acm:us-east-1:000000000000:certificate/1",
  });
  expect(() => synthesize(bundles, { consoleDomain: "convoke.example" })).toThrow(/consoleCertificate/);
}, 60_000);

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

type Behavior = Properties & { PathPattern?: string; TargetOriginId: string };
type Config = Properties & {
  CacheBehaviors: Behavior[];
  DefaultCacheBehavior: Behavior;
  Origins: (Properties & { Id: string; DomainName: unknown })[];
};

const configOf = (of: Template) =>
  of.one("AWS::CloudFront::Distribution").Properties.DistributionConfig as Config;

function originOf(pattern?: string) {
  const { CacheBehaviors, DefaultCacheBehavior, Origins } = configOf(template);
  const behavior = pattern
    ? CacheBehaviors.find(({ PathPattern }) => PathPattern === pattern)!
    : DefaultCacheBehavior;
  return { behavior, origin: Origins.find(({ Id }) => Id === behavior.TargetOriginId)! };
}

describe("the console", () => {
  test("has one address with the API and the WebSocket, which see requests as they came", () => {
    expect(configOf(template).CacheBehaviors.map(({ PathPattern }) => PathPattern)).toEqual([
      "/api/*",
      "/ws",
    ]);
    for (const [pattern, api] of [
      ["/api/*", "ApiHttpApi"],
      ["/ws", "SocketsWebSocketApi"],
    ] as const) {
      const { behavior, origin } = originOf(pattern);
      expect(JSON.stringify(origin.DomainName)).toContain(template.one("AWS::ApiGatewayV2::Api", api).id);
      expect(origin.CustomOriginConfig).toMatchObject({
        OriginProtocolPolicy: "https-only",
        OriginSSLProtocols: ["TLSv1.2"],
      });
      expect(behavior).toMatchObject({ ViewerProtocolPolicy: "https-only" });
      expect(behavior.AllowedMethods).toContain("POST");
      // CloudFront's CachingDisabled and AllViewerExceptHostHeader.
      expect(behavior.CachePolicyId).toBe("4135ea2d-6df8-44a3-9df3-4b5a84be39ad");
      expect(behavior.OriginRequestPolicyId).toBe("b689b0a8-53d0-40ab-baf2-68738e2966ac");
      expect(behavior.FunctionAssociations).toBeUndefined();
    }
  });

  test("lies in a bucket that nobody but the distribution can read", () => {
    const { behavior, origin } = originOf();
    const bucket = template.one("AWS::S3::Bucket", "ConsoleFiles");
    expect(bucket.Properties.PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
    expect(template.target(origin.DomainName).id).toBe(bucket.id);
    expect(template.target(origin.OriginAccessControlId).Properties.OriginAccessControlConfig).toMatchObject({
      SigningBehavior: "always",
      SigningProtocol: "sigv4",
    });
    expect(behavior).toMatchObject({ ViewerProtocolPolicy: "redirect-to-https", Compress: true });
    expect(configOf(template).HttpVersion).toBe("http2and3");
  });

  test("may run, load and send nothing that is not its own", () => {
    const { SecurityHeadersConfig: headers } = template.one("AWS::CloudFront::ResponseHeadersPolicy")
      .Properties.ResponseHeadersPolicyConfig as { SecurityHeadersConfig: Record<string, Properties> };
    const policy = headers.ContentSecurityPolicy!.ContentSecurityPolicy as {
      "Fn::Join": [string, unknown[]];
    };
    const text = policy["Fn::Join"][1]
      .map((part) => (typeof part === "string" ? part : `{${Object.values(part as object).flat()[0]}}`))
      .join("");
    const bucket = `https://{${template.one("AWS::S3::Bucket", "Payloads").id}}`;
    const sockets = `wss://{${template.one("AWS::ApiGatewayV2::Api", "Sockets").id}}.execute-api.{AWS::Region}.{AWS::URLSuffix}/ws`;
    expect(text.split("; ")).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "font-src 'self'",
      `img-src 'self' data: ${bucket}`,
      `media-src 'self' ${bucket}`,
      `connect-src 'self' ${sockets} ${bucket}`,
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]);
    expect(headers).toMatchObject({
      ContentTypeOptions: { Override: true },
      FrameOptions: { FrameOption: "DENY" },
      ReferrerPolicy: { ReferrerPolicy: "no-referrer" },
      StrictTransportSecurity: { AccessControlMaxAgeSec: 63_072_000 },
    });
    expect(originOf().behavior.ResponseHeadersPolicyId).toEqual({
      Ref: template.one("AWS::CloudFront::ResponseHeadersPolicy").id,
    });
  });

  test("answers every address of a page with the page, and files with themselves", () => {
    const { FunctionCode } = template.one("AWS::CloudFront::Function").Properties;
    const answer = (uri: string) =>
      runInNewContext(`${FunctionCode}\nhandler({ request: { uri: ${JSON.stringify(uri)} } }).uri`);
    for (const uri of ["/", "/jobs", "/jobs/019ab.c", "/jobs/1/files/src/main.ts", "/assets"])
      expect(answer(uri)).toBe("/index.html");
    for (const uri of ["/index.html", "/icon.svg", "/assets/index-D1LGIK_o.js"])
      expect(answer(uri)).toBe(uri);
  });

  test("keeps what has a hash in its name forever, and asks for the page every time, once all of that is there", () => {
    const deployments = template.ofType("Custom::CDKBucketDeployment").map(({ Properties }) => Properties);
    expect(deployments).toEqual([
      expect.objectContaining({
        Include: ["assets/*"],
        Prune: false,
        SystemMetadata: { "cache-control": "public, max-age=31536000, immutable" },
      }),
      expect.objectContaining({
        Exclude: ["assets/*"],
        SystemMetadata: { "cache-control": "no-cache" },
      }),
    ]);
    const [assets, page] = template.ofType("Custom::CDKBucketDeployment");
    expect((page as unknown as { DependsOn: string[] }).DependsOn).toContain(assets!.id);
  });

  test("is where WebSockets may be opened from, and its address is the stack's to tell", () => {
    const url = {
      "Fn::Join": ["", ["https://", expect.objectContaining({ "Fn::GetAtt": expect.anything() })]],
    };
    expect(variables(functionOf(template, "sockets"))[env.consoleUrl]).toEqual(url);
    expect(template.outputs.ConsoleUrl).toEqual({ Value: url });
  });

  test("has a name of its own, and then no TLS before 1.2", () => {
    expect(configOf(own)).toMatchObject({
      Aliases: ["convoke.example"],
      ViewerCertificate: { MinimumProtocolVersion: "TLSv1.2_2025" },
    });
    expect(own.outputs.ConsoleUrl).toEqual({ Value: "https://convoke.example" });
  });
});
