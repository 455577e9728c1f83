import { expect, test } from "vitest";
import { distribution } from "../../local/distribution.ts";
import { loadTemplate, Unsupported } from "../../local/template.ts";
import { test as withCloud } from "../support/cloud.ts";
import { fixtureAssembly } from "../support/fixture-assembly.ts";

const html = { accept: "text/html,application/xhtml+xml" };

withCloud.describe("the console of a running cloud", () => {
  withCloud(
    "is a page at every address that only a page knows, with the template's headers",
    async ({ cloud }) => {
      const answers = await Promise.all(
        ["/", "/jobs/some-job"].map((path) => fetch(cloud.http + path, { headers: html })),
      );

      for (const { status, headers } of answers) {
        expect(status).toBe(200);
        expect(headers.get("content-type")).toBe("text/html");
        expect(headers.get("cache-control")).toBe("no-cache");
        expect(headers.get("x-frame-options")).toBe("DENY");
        const policy = headers.get("content-security-policy");
        expect(policy).toContain("default-src 'none'; script-src 'self'");
        expect(policy).toContain(`connect-src 'self' ${cloud.ws} ${cloud.endpoints.s3};`);
        expect(policy).not.toMatch(/amazonaws|cloudfront/);
      }
      const [page, deep] = await Promise.all(answers.map((answer) => answer.text()));
      expect(deep).toBe(page);
    },
  );

  withCloud(
    "keeps its hashed files forever, and a page that has not changed is not sent again",
    async ({ cloud }) => {
      const page = await fetch(cloud.http, { headers: html });
      const [script] = /\/assets\/[\w.-]+\.js/.exec(await page.text())!;
      const answer = await fetch(cloud.http + script);
      expect(answer.headers.get("content-type")).toBe("text/javascript");
      expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      const again = await fetch(cloud.http, {
        headers: { ...html, "if-none-match": page.headers.get("etag")! },
      });
      expect(again.status).toBe(304);
    },
  );

  withCloud("leaves the API's paths to the API, whatever a caller accepts", async ({ cloud }) => {
    expect((await fetch(`${cloud.http}/api/health`, { headers: html })).status).toBe(200);
    expect((await fetch(`${cloud.http}/api/nothing`, { headers: html })).status).toBe(404);
    for (const [path, init] of [
      ["/jobs/some-job", {}],
      ["/workflows/some/status/live", {}],
      ["/jobs/some-job", { method: "POST", headers: html }],
      ["/assets/none.js", {}],
      ["/assets/../../../package.json", {}],
      ["/assets/%2e%2e%2f%2e%2e%2fpackage.json", {}],
    ] as [string, RequestInit][]) {
      const answer = await fetch(cloud.http + path, init);
      expect(answer.headers.get("content-type")).toMatch(/json$/);
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
  });
});

const api = (id: string) => ({
  [id]: { Type: "AWS::ApiGatewayV2::Api", Properties: { Name: "n", ProtocolType: "HTTP" } },
});

/** A distribution as CDK writes it, but for what is given. */
function assembly({ behavior = {}, defaults = {} }: { behavior?: object; defaults?: object } = {}) {
  return fixtureAssembly({
    resources: {
      ...api("Api"),
      Files: { Type: "AWS::S3::Bucket" },
      Site: {
        Type: "AWS::CloudFront::Distribution",
        Properties: {
          DistributionConfig: {
            Enabled: true,
            Origins: [
              { Id: "files", DomainName: { "Fn::GetAtt": ["Files", "RegionalDomainName"] } },
              {
                Id: "api",
                DomainName: {
                  "Fn::Select": [2, { "Fn::Split": ["/", { "Fn::GetAtt": ["Api", "ApiEndpoint"] }] }],
                },
              },
            ],
            DefaultCacheBehavior: { TargetOriginId: "files", CachePolicyId: "any", ...defaults },
            CacheBehaviors: [
              {
                PathPattern: "/api/*",
                TargetOriginId: "api",
                CachePolicyId: "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
                OriginRequestPolicyId: "b689b0a8-53d0-40ab-baf2-68738e2966ac",
                ...behavior,
              },
            ],
          },
        },
      },
    } as never,
  });
}

test("a distribution that does what is done here is served", () => {
  expect(distribution(loadTemplate(assembly()), (text) => text)).toBeTypeOf("function");
});

test.each([
  ["keeps answers of an API", { behavior: { CachePolicyId: "658327ea-f89d-4fab-a63d-7e88639e58f6" } }],
  ["hides headers from an API", { behavior: { OriginRequestPolicyId: undefined } }],
  ["has another bucket in between", { behavior: { TargetOriginId: "files" } }],
  ["sends everything to an API", { defaults: { TargetOriginId: "api" } }],
  ["names an origin that it has not", { behavior: { TargetOriginId: "nobody" } }],
])("a distribution that %s is refused", (_what, changed) => {
  const template = loadTemplate(assembly(changed));
  expect(() => distribution(template, (text) => text)).toThrow(Unsupported);
});

test("a property of a distribution that is not known is refused by name", () => {
  expect(() => loadTemplate(assembly({ defaults: { LambdaFunctionAssociations: [] } }))).toThrow(
    /LambdaFunctionAssociations/,
  );
});
