import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnyJobType } from "../../core/engine/job-type.ts";
import { registry } from "../../core/engine/registry.ts";
import { submit } from "../../core/engine/submit.ts";
import type { Model } from "../../core/models/model.ts";
import { engine } from "../support/engine.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;

await mkdir(join(root, "build"), { recursive: true });

beforeAll(async () => {
  // As deep as jobs/oracle/, so that the imports of the examples lead where they say.
  await mkdir(join(root, "build"), { recursive: true });
  folder = await mkdtemp(join(root, "build", "documented-"));
});
afterAll(() => rm(folder, { recursive: true }));

const model: Model = {
  generate: async (request) => ({
    text: `Said to: ${request.messages.at(-1)!.content}`,
    model: request.model,
    finish: "stop",
    usage: { model_calls: 1, input_tokens: 1, output_tokens: 1 },
  }),
};

describe.each([
  { page: "docs/writing-a-job.md", name: "oracle" },
  { page: "README.md", name: "haiku" },
])("the job in $page", ({ page, name }) => {
  let code: string;
  beforeAll(async () => {
    const text = await readFile(join(root, page), "utf8");
    code = /```ts\n(import [\s\S]*?)```/.exec(text)![1]!;
    await writeFile(join(folder, `${name}.ts`), code);
  });

  test("compiles as it stands", async () => {
    const config = { extends: "../../tsconfig.json", include: [], files: [`${name}.ts`] };
    const project = join(folder, `${name}.json`);
    await writeFile(project, JSON.stringify(config));
    const compiler = join(root, "node_modules", ".bin", "tsc");
    // A child of its own would take the first node on the PATH, which may be an older one.
    const path = `${dirname(process.execPath)}:${process.env.PATH}`;
    const { stdout } = await promisify(execFile)(compiler, ["-p", project], {
      env: { ...process.env, PATH: path },
    });
    expect(stdout).toBe("");
  });

  test("runs to its end, and its example fits its own schemas", async () => {
    const module = (await import(pathToFileURL(join(folder, `${name}.ts`)).href)) as Record<
      string,
      AnyJobType
    >;
    const job = module[name]!;
    const { services, toEnd, result } = engine(job, { model });
    const request = { type: name, input: job.example };
    const { job: key } = await submit(services, registry([job]), { tenant: "acme", by: "test" }, request);

    const ended = await toEnd(key);

    expect(ended.status).toBe("completed");
    expect(job.result.safeParse(await result(key)).success).toBe(true);
  });
});

test("the job in the guide has no more than fifteen lines", async () => {
  const text = await readFile(join(root, "docs/writing-a-job.md"), "utf8");
  const [, code = ""] = /```ts\n([\s\S]*?)\n```/.exec(text)!;
  expect(code.split("\n").length).toBeLessThanOrEqual(15);
});

describe("the test in docs/writing-a-job.md, for the job in README.md", async () => {
  const here = await mkdtemp(join(root, "build", "documented-test-"));
  afterAll(() => rm(here, { recursive: true }));
  const codeOf = async (page: string, begins: string) => {
    const text = await readFile(join(root, page), "utf8");
    const blocks = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
    return blocks.find((code) => code.startsWith(begins))!;
  };
  await writeFile(join(here, "haiku.ts"), await codeOf("README.md", "import * as z"));
  const file = join(here, "haiku-test.ts");
  await writeFile(file, await codeOf("docs/writing-a-job.md", 'import { expect, test } from "vitest"'));
  // Its tests become tests of this file.
  await import(pathToFileURL(file).href);
});
