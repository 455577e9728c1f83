import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, relative } from "node:path";
import { runInNewContext } from "node:vm";
import { attributes, type Properties } from "./resource-types.ts";
import { type Template, Unsupported } from "./template.ts";

/** @returns false for what the distribution leaves to the APIs behind it. */
export type Serve = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

/** CloudFront's own policies, which a template names by id. @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/attach-managed-policies.html */
const managed = {
  cachingDisabled: "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
  allViewerExceptHostHeader: "b689b0a8-53d0-40ab-baf2-68738e2966ac",
};

type Config = Properties<"AWS::CloudFront::Distribution">["DistributionConfig"];
type Behavior = Config["DefaultCacheBehavior"];
type File = { content: Buffer; headers: Record<string, string> };

/**
 * The template's CloudFront distribution: the files of its bucket, with the rewriting and the headers that it says.
 *
 * On AWS it has a host name of its own; here it shares one address with the HTTP API, which has every path to itself.
 * So it answers what is a file, and an address that only the page understands to whoever wants a page (`Accept:
 * text/html`). What it passes on, the gateway serves at the same paths.
 * @param addresses - turns the addresses of AWS that stand in headers into those of this machine.
 * @returns undefined for a template without one.
 * @throws Unsupported when it asks for what this does not do.
 */
export function distribution(template: Template, addresses: (text: string) => string): Serve | undefined {
  const [found, ...others] = template.of("AWS::CloudFront::Distribution");
  if (!found) return undefined;
  if (others.length > 0) throw new Unsupported("The embedded cloud serves one distribution at most");
  const { id, properties } = found;
  const {
    CacheBehaviors = [],
    DefaultCacheBehavior,
    DefaultRootObject,
    Origins,
  } = properties.DistributionConfig;
  const originOf = ({ TargetOriginId }: Behavior) => {
    const origin = Origins.find(({ Id }) => Id === TargetOriginId);
    if (!origin) throw new Unsupported(`${id} has no origin ${TargetOriginId}`);
    return origin;
  };

  const passedOn = CacheBehaviors.map((behavior) => {
    const { DomainName } = originOf(behavior);
    const { PathPattern, CachePolicyId, OriginRequestPolicyId } = behavior;
    const asItCame =
      template
        .of("AWS::ApiGatewayV2::Api")
        .some((api) => attributes["AWS::ApiGatewayV2::Api"]!.ApiEndpoint!(api).endsWith(`//${DomainName}`)) &&
      CachePolicyId === managed.cachingDisabled &&
      OriginRequestPolicyId === managed.allViewerExceptHostHeader &&
      behavior.FunctionAssociations.length === 0;
    if (!asItCame)
      throw new Unsupported(
        `${id} does not pass ${PathPattern} on to an API of the template as it came, which is all that is done here`,
      );
    return pathPattern(PathPattern);
  });

  const bucket = template
    .of("AWS::S3::Bucket")
    .find(
      (one) =>
        attributes["AWS::S3::Bucket"]!.RegionalDomainName!(one) === originOf(DefaultCacheBehavior).DomainName,
    );
  if (!bucket) throw new Unsupported(`${id} has no bucket of the template behind its default behavior`);
  const files = deployed(template, bucket.name);
  const rewrite = rewriting(template, DefaultCacheBehavior);
  const headers = Object.entries(responseHeaders(template, DefaultCacheBehavior));

  return (request, response, path) => {
    const reads = request.method === "GET" || request.method === "HEAD";
    if (!reads || passedOn.some((pattern) => pattern.test(path))) return false;
    const uri = rewrite(path);
    const file = files.get(uri === "/" ? (DefaultRootObject ?? "") : decoded(uri).slice(1));
    const wanted = uri === path || path === "/" || /\btext\/html\b/.test(request.headers.accept ?? "");
    if (!file || !wanted) return false;
    for (const [name, value] of headers) response.setHeader(name, addresses(value));
    for (const [name, value] of Object.entries(file.headers)) response.setHeader(name, value);
    const unchanged = request.headers["if-none-match"] === file.headers.etag;
    response.statusCode = unchanged ? 304 : 200;
    response.end(unchanged || request.method === "HEAD" ? undefined : file.content);
    return true;
  };
}

/** `*` is any number of characters, `?` is one. */
function pathPattern(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`);
}

function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}

/**
 * What the template's custom resources would put into a bucket: read as a whole, so that no path of a request ever
 * reaches the file system.
 */
function deployed(template: Template, bucketName: string): Map<string, File> {
  const files = new Map<string, File>();
  for (const { properties } of template.of("Custom::CDKBucketDeployment")) {
    if (properties.DestinationBucketName !== bucketName) continue;
    const { Exclude, Include, SystemMetadata, SourceObjectKeys } = properties;
    const [excluded, included] = [Exclude.map(pathPattern), Include.map(pathPattern)];
    for (const directory of SourceObjectKeys.map((key) => template.asset(key))) {
      for (const entry of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
        const path = join(directory, entry);
        const key = relative(directory, path);
        const left = excluded.some((one) => one.test(key)) && !included.some((one) => one.test(key));
        if (left || !statSync(path).isFile()) continue;
        const content = readFileSync(path);
        files.set(key, {
          content,
          headers: {
            "content-type": contentTypes[extname(key)] ?? "application/octet-stream",
            etag: `"${createHash("md5").update(content).digest("hex")}"`,
            ...SystemMetadata,
          },
        });
      }
    }
  }
  return files;
}

const contentTypes: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html",
  ".ico": "image/x-icon",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/** Runs the behavior's function, as CloudFront does before it looks for anything. */
function rewriting(template: Template, { FunctionAssociations }: Behavior): (uri: string) => string {
  const [association, ...others] = FunctionAssociations;
  if (!association) return (uri) => uri;
  if (others.length > 0) throw new Unsupported("A behavior has one function at most here");
  const fn = template
    .of("AWS::CloudFront::Function")
    .find((one) => attributes["AWS::CloudFront::Function"]!.FunctionARN!(one) === association.FunctionARN);
  if (!fn) throw new Unsupported(`${association.FunctionARN} is no function of the template`);
  const handler = runInNewContext(`${fn.properties.FunctionCode}\nhandler;`) as (event: unknown) => {
    uri?: unknown;
  };
  return (uri) => {
    const request = { method: "GET", uri, querystring: {}, headers: {}, cookies: {} };
    const answered = handler({ version: "1.0", context: { eventType: "viewer-request" }, request }).uri;
    if (typeof answered !== "string") throw new Unsupported(`${fn.id} answers something else than a request`);
    return answered;
  };
}

function responseHeaders(template: Template, { ResponseHeadersPolicyId }: Behavior): Record<string, string> {
  if (ResponseHeadersPolicyId === undefined) return {};
  const { properties } = template.find("AWS::CloudFront::ResponseHeadersPolicy", ResponseHeadersPolicyId);
  const { SecurityHeadersConfig: security = {}, CustomHeadersConfig: custom } =
    properties.ResponseHeadersPolicyConfig;
  const hsts = security.StrictTransportSecurity;
  const named = {
    "content-security-policy": security.ContentSecurityPolicy?.ContentSecurityPolicy,
    "x-content-type-options": security.ContentTypeOptions && "nosniff",
    "x-frame-options": security.FrameOptions?.FrameOption,
    "referrer-policy": security.ReferrerPolicy?.ReferrerPolicy,
    "strict-transport-security":
      hsts && `max-age=${hsts.AccessControlMaxAgeSec}${hsts.IncludeSubdomains ? "; includeSubDomains" : ""}`,
    ...Object.fromEntries((custom?.Items ?? []).map(({ Header, Value }) => [Header.toLowerCase(), Value])),
  };
  return Object.fromEntries(
    Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
