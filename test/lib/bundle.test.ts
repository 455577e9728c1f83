import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bundles, bundle, type FunctionName, functionNames } from "../../lib/bundle.ts";
import { functionOf, synthesize, variables } from "./synthesis.ts";

const run = promisify(execFile);
/** Ours by choice, and what they bring along. Whoever adds one has looked at its licence and its size. */
const known = [
  /^(croner|fflate|hono|uuidv7|zod|aws-jwt-verify)$/,
  /^@aws-lambda-powertools\/(batch|commons|logger)$/,
  /^@aws\/lambda-invoke-store$/,
  /^@aws-sdk\//,
  /^@smithy\//,
  // lib-dynamodb's cache of endpoints.
  /^(mnemonist|obliterator)$/,
  /^ai$/,
  /^@ai-sdk\//,
  /^(request-filtering-agent|ipaddr\.js)$/,
  /^(standardwebhooks|@stablelib\/base64|fast-sha256)$/,
  /^(aws4fetch|eventsource-parser|@vercel\/oidc|@workflow\/serde)$/,
];

const directory = mkdtempSync(join(tmpdir(), "convoke-bundles-"));
let bundles: Bundles;

beforeAll(async () => {
  const stale = join(directory, "worker");
  mkdirSync(stale);
  writeFileSync(join(stale, "chunk-OF-LAST-WEEK.mjs"), "");
  bundles = await bundle(directory);
}, 60_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("a bundle holds what it may load, with its source map, and nothing from an earlier build", () => {
  for (const name of functionNames) {
    const files = readdirSync(bundles[name].directory);
    expect(files).toContain(`${name}.mjs`);
    expect(files).not.toContain("chunk-OF-LAST-WEEK.mjs");
    for (const file of files.filter((one) => one.endsWith(".mjs"))) expect(files).toContain(`${file}.map`);
  }
});

test.each(functionNames)(
  "%s starts with the variables that the template gives it, and no others",
  async (name) => {
    const given = variables(functionOf(synthesize(bundles, { env: "prod" }), name));
    const environment = Object.fromEntries(
      Object.entries(given).map(([key, value]) => [
        key,
        typeof value === "string" ? value : "https://given.example",
      ]),
    );
    const entry = join(bundles[name].directory, `${name}.mjs`);
    const { stdout } = await run(
      process.execPath,
      ["--input-type=module", "-e", `console.log(typeof (await import(${JSON.stringify(entry)})).handler)`],
      { env: { AWS_REGION: "eu-central-1", ...environment } },
    );
    expect(stdout.trim()).toBe("function");
  },
);

test("only packages that were looked at are deployed", () => {
  for (const name of functionNames) {
    const unknown = bundles[name].packages.filter((one) => !known.some((pattern) => pattern.test(one)));
    expect(unknown, name).toEqual([]);
  }
});

/** What Node reads before the first event can be handled: the entry and what it imports other than by `import()`. */
function loadedAtStart(name: FunctionName): string[] {
  const files = new Set([`${name}.mjs`]);
  for (const file of files) {
    const code = readFileSync(join(bundles[name].directory, file), "utf8");
    for (const [, chunk] of code.matchAll(/\b(?:from|import)"\.\/([^"]+)"/g)) files.add(chunk!);
  }
  return [...files].map((file) => readFileSync(join(bundles[name].directory, file), "utf8"));
}

test("models and large payloads are loaded by those who need them, when they need them", () => {
  for (const name of functionNames) {
    const code = loadedAtStart(name).join("");
    expect(code.length, name).toBeLessThan(900 * 1024);
    // A message of the `ai` library, and an operation of S3.
    for (const lazy of ["AI_NoObjectGeneratedError", "GetObjectCommand"])
      expect(code, name).not.toContain(lazy);
  }
  const whole = readdirSync(bundles.worker.directory)
    .map((file) => readFileSync(join(bundles.worker.directory, file), "utf8"))
    .join("");
  for (const lazy of ["AI_NoObjectGeneratedError", "GetObjectCommand"]) expect(whole).toContain(lazy);
});
