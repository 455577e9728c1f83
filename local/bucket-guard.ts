import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Properties } from "./resource-types.ts";

export type CorsRule = NonNullable<Properties<"AWS::S3::Bucket">["CorsConfiguration"]>["CorsRules"][number];

/** What S3 itself takes in one piece is more; a laptop's memory is not. */
const bodyBytes = 64 * 1024 * 1024;

/**
 * Adds to fauxqs what it leaves out of S3 and what others than our own functions meet: presigned links are checked with
 * everything that they sign, what is put is compared with its checksum, pages of other origins are admitted by the
 * bucket's rules, and objects may be larger than 11 MB. What carries an Authorization header comes from our functions.
 * @returns the rules by bucket, to be filled in.
 */
export function guardBuckets(app: BucketServer, secretKey: string): Map<string, CorsRule[]> {
  const rules = new Map<string, CorsRule[]>();
  app.removeContentTypeParser("*");
  app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: bodyBytes }, (_request, body, done) =>
    done(null, body),
  );
  app.addHook("onRequest", (request, reply, done) => {
    const { pathname } = new URL(request.url, "http://s3");
    const of = rules.get(pathname.split("/")[1] ?? "");
    if (!of) return done();
    admitOrigin(of, request, reply);
    if (request.method === "OPTIONS") return void reply.code(allowed(reply) ? 200 : 403).send("");
    const fault = request.headers.authorization === undefined ? linkFault(request, secretKey) : undefined;
    if (fault) return refuse(reply, 403, "AccessDenied", fault);
    done();
  });
  app.addHook("preHandler", (request, reply, done) => {
    const checksum = request.headers["x-amz-checksum-sha256"];
    if (request.method !== "PUT" || checksum === undefined) return done();
    const actual = createHash("sha256")
      .update(request.body as Buffer)
      .digest("base64");
    if (actual === checksum) return done();
    refuse(reply, 400, "BadDigest", "The SHA256 you specified did not match the calculated checksum.");
  });
  return rules;
}

function refuse(reply: Reply, status: number, code: string, message: string): void {
  reply.header("content-type", "application/xml");
  reply.code(status).send(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`);
}

const allowOrigin = "access-control-allow-origin";
const allowed = (reply: Reply) => reply.getHeader(allowOrigin) !== undefined;

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html */
function admitOrigin(rules: CorsRule[], { method, headers }: Request, reply: Reply): void {
  const { origin } = headers;
  if (origin === undefined) return;
  const asked = method === "OPTIONS" ? headers["access-control-request-method"] : method;
  const wanted = (headers["access-control-request-headers"] ?? "").split(",").map((name) => name.trim());
  const rule = rules.find(
    ({ AllowedMethods, AllowedOrigins, AllowedHeaders = [] }) =>
      AllowedMethods.includes(asked ?? "") &&
      (AllowedOrigins.includes("*") || AllowedOrigins.includes(origin)) &&
      wanted.every((name) => name === "" || AllowedHeaders.includes(name.toLowerCase())),
  );
  if (!rule) return;
  reply.header(allowOrigin, rule.AllowedOrigins.includes("*") ? "*" : origin);
  reply.header("access-control-allow-methods", rule.AllowedMethods.join(", "));
  if (rule.AllowedHeaders) reply.header("access-control-allow-headers", rule.AllowedHeaders.join(", "));
}

/**
 * What is wrong with a presigned link, if anything.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
function linkFault({ method, url, headers }: Request, secretKey: string): string | undefined {
  const [path = "", query = ""] = url.split("?");
  const parameters = new URLSearchParams(query);
  const [credential, date, expires, names, signature] = [
    "Credential",
    "Date",
    "Expires",
    "SignedHeaders",
    "Signature",
  ].map((name) => parameters.get(`X-Amz-${name}`));
  if (!credential || !date || !expires || !names || !signature) return "Access Denied";
  const canonical = [
    method,
    path,
    query
      .split("&")
      .filter((part) => !part.startsWith("X-Amz-Signature="))
      .sort()
      .join("&"),
    ...names.split(";").map((name) => `${name}:${(headers[name] ?? "").trim()}`),
    "",
    names,
    "UNSIGNED-PAYLOAD",
  ].join("\n");
  const [, ...scope] = credential.split("/");
  const hash = createHash("sha256").update(canonical).digest("hex");
  const key = scope.reduce<string | Buffer>((by, part) => hmac(by, part), `AWS4${secretKey}`);
  const right = hmac(key, ["AWS4-HMAC-SHA256", date, scope.join("/"), hash].join("\n"));
  const given = Buffer.from(signature, "hex");
  if (given.length !== right.length || !timingSafeEqual(given, right)) return "SignatureDoesNotMatch";
  const signedAt = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  return Date.now() > signedAt + Number(expires) * 1000 ? "Request has expired" : undefined;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** What we use of Fastify, inside fauxqs. */
export interface BucketServer {
  removeContentTypeParser(type: string): void;
  addContentTypeParser(
    type: string,
    options: { parseAs: "buffer"; bodyLimit: number },
    parser: (request: unknown, body: Buffer, done: (error: null, body: Buffer) => void) => void,
  ): void;
  addHook(
    name: "onRequest" | "preHandler",
    hook: (request: Request, reply: Reply, done: () => void) => void,
  ): void;
}

export type Request = {
  method: string;
  url: string;
  headers: Record<string, string | undefined>;
  body: unknown;
};
type Reply = {
  header(name: string, value: string): void;
  getHeader(name: string): unknown;
  code(status: number): { send(body: unknown): void };
};
