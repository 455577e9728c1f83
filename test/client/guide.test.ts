import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { test } from "../support/cloud.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;

/** All examples of the page, one after the other, as one function. */
beforeAll(async () => {
  const page = await readFile(join(root, "docs", "client.md"), "utf8");
  const lines = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].flatMap(([, code]) => code!.split("\n"));
  const isImport = (line: string) => line.startsWith("import ");
  const body = lines.filter((line) => !isImport(line)).join("\n");
  await mkdir(join(root, "build"), { recursive: true });
  folder = await mkdtemp(join(root, "build", "guide-"));
  await writeFile(
    join(folder, "guide.ts"),
    `${lines.filter(isImport).join("\n")}
export async function guide(url: string, key: string) {
${body}
return { result_data, job, missing, useJob };
}
`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

test("the examples of docs/client.md compile", async () => {
  const config = join(folder, "tsconfig.json");
  await writeFile(
    config,
    JSON.stringify({ extends: "../../tsconfig.json", include: [], files: ["guide.ts"] }),
  );
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  const compiler = join(root, "node_modules", ".bin", "tsc");
  const { stdout } = await promisify(execFile)(compiler, ["-p", config], { env }).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe("");
});

test("and run as they stand, against a service", async ({ cloud }) => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const write = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
  const { guide } = await import(pathToFileURL(join(folder, "guide.ts")).href);
  const told = await guide(cloud.http, cloud.key).finally(() => {
    log.mockRestore();
    write.mockRestore();
  });
  expect(told).toMatchObject({
    result_data: { stage3: expect.anything() },
    job: { type: "translation", status: "completed" },
    missing: undefined,
    useJob: expect.any(Function),
  });
});
