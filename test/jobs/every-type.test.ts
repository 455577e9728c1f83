import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { deploymentOf } from "../../core/models/deployment.ts";
import { routes } from "../../functions/api/routes.ts";
import { jobs } from "../../jobs/index.ts";

const docs = new URL("../../docs/jobs/", import.meta.url);
const index = await readFile(new URL("README.md", docs), "utf8");

describe.each(jobs.all)("the job type $type", (jobType) => {
  const { type, example, input, result, prepare, title, description } = jobType;

  test("has an example that fits its own input, also as the deployment completes it", () => {
    const read = input.parse(example);
    const prepared = prepare ? prepare(read, { ...deploymentOf({}), operationHosts: ["*"] }) : read;
    expect(input.safeParse(prepared).error).toBeUndefined();
    expect(title(prepared)).toMatch(/\S/);
    expect(title(prepared).length).toBeLessThanOrEqual(200);
    expect(description(prepared)).toMatch(/\S/);
  });

  test("has schemas that say something", () => {
    const asked = JSON.stringify(z.toJSONSchema(input, { io: "input", unrepresentable: "any" }));
    const given = JSON.stringify(z.toJSONSchema(result, { unrepresentable: "any" }));
    expect(asked).toContain('"properties":{"');
    expect(given).toMatch(/"properties":\{"|"type":"null"/);
  });

  test("is in the index of the documentation, and the page that this leads to names it", async () => {
    const [, page] = new RegExp(`\\[\`${type}\`\\]\\(([^)#]+)`).exec(index) ?? [];
    expect(page, `docs/jobs/README.md names ${type}`).toBeDefined();
    const text = await readFile(new URL(page!, docs), "utf8");
    expect(text.toLowerCase()).toContain(type === "batch" ? "/api/batches" : type);
  });
});

test("addresses that the index names exist", () => {
  const named = [...index.matchAll(/`(\/api\/[^`]+)`/g)].map(([, path]) => path);
  const known = new Set(routes.map(({ path }) => path.replace("{conversation_id}", "{id}")));
  expect(named.filter((path) => !known.has(path!))).toEqual([]);
});
