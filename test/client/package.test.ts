import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildClient, clientSizes } from "../../client/build.ts";
import { submitted } from "../support/entries.ts";
import { flakyService } from "./flaky-service.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
/** A project that has installed the client, and nothing else. */
let project: string;
let installed: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "convoke-client-"));
  installed = join(project, "node_modules", "convoke-client");
  await buildClient(installed);
  await writeFile(join(project, "package.json"), JSON.stringify({ type: "module" }));
});
afterAll(() => rm(project, { recursive: true }));

test("the package is ES modules without imports from outside, and small", async () => {
  const files = (await readdir(installed)).filter((name) => name.endsWith(".js"));
  expect(files).toEqual(expect.arrayContaining(["index.js", "react.js"]));
  for (const file of files) {
    const code = await readFile(join(installed, file), "utf8");
    const imported = [...code.matchAll(/(?:from|import|require)\s*\(?\s*"([^"]+)"/g)].map(([, name]) => name);
    expect(imported.filter((name) => !name!.startsWith("./"))).toEqual([]);
    // Nothing is asked of Node but whether it is there.
    const asked = code.replaceAll("typeof process", "").replaceAll("process.versions?.node", "");
    expect(asked).not.toMatch(/node:|\bprocess\b|\bBuffer\b|__dirname|\bglobal\./);
  }
  const sizes = await clientSizes();
  console.log(`client: ${sizes.index} bytes, its store and hook: ${sizes.react} bytes`);
  expect(sizes.index).toBeLessThan(14_000);
  expect(sizes.react).toBeLessThan(4_000);
});

test("it runs where there is nothing but what a page has", async () => {
  const service = await flakyService(1);
  const { outputFiles } = await build({
    stdin: { contents: `export * from "./index.js"; export * from "./react.js";`, resolveDir: installed },
    bundle: true,
    format: "iife",
    globalName: "client",
    platform: "browser",
    write: false,
  });
  const { AbortController, TextEncoder, TextDecoder, URL, URLSearchParams, EventTarget, Event, WebSocket } =
    globalThis;
  const page = createContext({
    ...{ AbortController, TextEncoder, TextDecoder, URL, URLSearchParams, EventTarget, Event, WebSocket },
    ...{ fetch, crypto, performance, setTimeout, clearTimeout, setInterval, clearInterval, console },
  });
  runInContext(outputFiles[0]!.text, page);
  service.create("j1");
  service.append("j1", submitted, { kind: "job.completed", result: { json: 42 } });

  const watched = await runInContext(
    `(async () => {
      const convoke = client.convoke({ url: ${JSON.stringify(service.url)}, key: "key" });
      const { job_id } = await convoke.submit("council", { question: "Why?" });
      const kinds = [];
      for await (const event of convoke.watch(job_id)) kinds.push(event.kind);
      convoke.close();
      return JSON.stringify(kinds);
    })()`,
    page,
  );
  expect(JSON.parse(watched)).toEqual(["job.submitted", "job.completed"]);
  await service.close();
});

test.each(["bundler", "nodenext"])("its types need no other package (%s)", async (moduleResolution) => {
  await mkdir(join(project, "src"), { recursive: true });
  await writeFile(
    join(project, "src", "main.ts"),
    `import { convoke, ConvokeError, type JobView } from "convoke-client";
import { jobStore, useJobWith } from "convoke-client/react";

const client = convoke({ url: "http://127.0.0.1:4000", key: "key" });
const { job_id, job } = await client.submit("council", { question: "Why?" }, { wait: 10 });
const view: JobView = job ?? (await client.get(job_id));
const found: { id: string; projection: { reflection: string } | null }[] = await client.projections.search("rain");
// @ts-expect-error There is no such persona.
await client.projections.create({ narrative: "Once", persona: "nobody" });
// @ts-expect-error There is no such status.
await client.list({ status: "lost" });
for await (const item of client.watchMine()) if (item.type === "status") console.log(item.job_id, item.status);
console.log(view.status, found, jobStore(client, job_id).getSnapshot().phase, useJobWith, ConvokeError);
`,
  );
  const module = moduleResolution === "bundler" ? "esnext" : "nodenext";
  const compilerOptions = {
    ...{
      strict: true,
      noEmit: true,
      types: [],
      skipLibCheck: false,
      target: "es2022",
      module,
      moduleResolution,
    },
    lib: ["es2022", "dom", "dom.iterable", "esnext.asynciterable", "esnext.disposable"],
  };
  const config = join(project, `${moduleResolution}.json`);
  await writeFile(config, JSON.stringify({ compilerOptions, files: ["src/main.ts"] }));
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  const { stdout } = await run(join(root, "node_modules", ".bin", "tsc"), ["-p", config], { env }).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe("");
});
