import { readdir, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { StepFailed } from "../../../core/protocol/error.ts";
import { type ErrorText, errorCatalogue } from "../../../core/protocol/error-catalogue.ts";
import { failureView } from "../../../core/protocol/wire.ts";
import { errorPage } from "../../../functions/api/error-page.ts";
import { engine, jobOf } from "../../support/engine.ts";
import { door } from "./door.ts";

const root = new URL("../../../", import.meta.url);
const catalogue = Object.entries<ErrorText>(errorCatalogue);

/** What stands where a code stands. Issues of zod have codes of their own. */
const codes = [
  /(?:\bnew [A-Z]\w*|\bsuper)\(\s*"([a-z]+(?:_[a-z]+)*)",/g,
  /(?<!addIssue\(\{ )\bcode(?:: | = )"([a-z]+(?:_[a-z]+)*)"/g,
  /\["([a-z]+(?:_[a-z]+)+)", (?:`|"[A-Z])/g,
  /failure\(model, "([a-z_]+)"/g,
];
const unionOfCodes = /type \w*ErrorCode =([^;]*);/g;

/** Every code that the source names, with a file that does, and all of its text. */
async function source(): Promise<{ named: Map<string, string>; all: string }> {
  const named = new Map<string, string>();
  let all = "";
  for (const folder of ["core", "functions", "jobs", "client"]) {
    for (const name of await readdir(new URL(folder, root), { recursive: true })) {
      if (!name.endsWith(".ts") || name.endsWith("error-catalogue.ts")) continue;
      const text = await readFile(new URL(`${folder}/${name}`, root), "utf8");
      all += text;
      const unions = [...text.matchAll(unionOfCodes)].flatMap(([, union]) => [
        ...union!.matchAll(/"([a-z_]+)"/g),
      ]);
      for (const [, code] of [...codes.flatMap((pattern) => [...text.matchAll(pattern)]), ...unions])
        named.set(code!, `${folder}/${name}`);
    }
  }
  return { named, all };
}

describe("the catalogue of errors", () => {
  test("has every code that the source names, and no other [A4-75]", async () => {
    const { named, all } = await source();
    expect(named.size).toBeGreaterThan(60);
    const unknown = [...named].filter(([code]) => !Object.hasOwn(errorCatalogue, code));
    expect(unknown).toEqual([]);
    expect(catalogue.map(([code]) => code).filter((code) => !all.includes(`"${code}"`))).toEqual([]);
  });

  test("says something to users that they can understand, and something else to developers", () => {
    for (const [code, { title, user, developer }] of catalogue) {
      expect(title.length, code).toBeLessThan(40);
      expect(user, code).toMatch(/^[A-Z].{20,}\.$/);
      expect(user, code).not.toMatch(/`|_|\b[45]\d\d\b|JSON|HTTP/);
      expect(developer.length, code).toBeGreaterThan(20);
      expect(developer, code).not.toBe(user);
    }
  });

  test("is served to anybody, and the page of the documentation is made of it", async () => {
    const { get } = await door();
    const { status, body } = await get("/api/errors", { key: undefined });
    expect(status).toBe(200);
    expect(body.errors).toHaveLength(catalogue.length);
    expect(body.errors).toContainEqual({ code: "conflict", ...errorCatalogue.conflict });
    expect(body.errors).toContainEqual({ code: "worker_died", status: null, ...errorCatalogue.worker_died });
    const page = await readFile(new URL("docs/errors.md", root), "utf8");
    expect(page, "run `node functions/api/error-page.ts`").toBe(errorPage());
  });
});

test("a job that has failed says what that means, to its user and to its developer, beside what it was this time [A4-75]", async () => {
  const { get, work, submitted } = await door();
  const id = await submitted({ type: "failing", input: { question: "?" } });
  await work();

  expect((await get(`/api/jobs/${id}`)).body.error).toMatchObject({
    code: "quorum_not_reached",
    message: "No member answered",
    for_user: errorCatalogue.quorum_not_reached.user,
    for_developer: errorCatalogue.quorum_not_reached.developer,
  });
  expect((await get("/api/jobs")).body.jobs[0].error.for_user).toBe(errorCatalogue.quorum_not_reached.user);
});

test("a code that is a job type's own is explained as such, whatever it is called", async () => {
  const self = engine(jobOf(async () => Promise.reject(new StepFailed("toString", "Mine"))));
  const job = await self.toEnd(await self.submit());
  expect(failureView(job.failure)).toMatchObject({
    code: "toString",
    for_user: "The work could not be finished.",
    for_developer: expect.stringContaining("job type's"),
  });
});
