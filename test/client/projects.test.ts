import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { convoke } from "../../client/index.ts";
import { generation } from "../../jobs/generation/generation.ts";
import { cast, files } from "../jobs/generation/script.ts";
import { servedDoor } from "../support/served-door.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const here = await servedDoor({ services: { model: cast().model }, jobs: [generation] });
// Somebody has to work while the command waits.
const working = setInterval(() => void here.api.work(), 20);
afterAll(async () => {
  clearInterval(working);
  await here.close();
});

test("a project is generated on the command line, its files are listed and written, and none is replaced", async () => {
  const made = await here.command("project", "Greeter", "Greets whoever is named");
  expect(made.code).toBe(0);
  const [, project = ""] = /convoke files (\S+) --out/.exec(made.out)!;

  const listed = await here.command("files", project);
  expect(
    listed.out
      .trim()
      .split("\n")
      .map((line) => line.split("\t")[1]),
  ).toEqual(files.map(({ path }) => path));

  const directory = temporaryDirectory();
  expect((await here.command("files", project, "--out", directory)).code).toBe(0);
  expect(readFileSync(join(directory, "src/words.ts"), "utf8")).toBe("content of src/words.ts\n");
  const again = await here.command("files", project, "--out", directory);
  expect(again.code).not.toBe(0);
  expect(again.err).toContain("cannot be written");
});

test("a client makes a project, has it generated and reads it", async () => {
  const client = convoke({ url: here.url, key: here.api.acme });
  const { id } = await client.projects.create({ name: "Other", description: "Greets", ask: false });
  const { job_id } = await client.projects.generate(id);
  await client.wait(job_id);
  expect(await client.projects.get(id)).toMatchObject({ status: "completed", job_id });
  expect((await client.projects.list({ limit: 1 })).projects).toMatchObject([{ id }]);
  client.close();
});

test("whatever a service says that a file is called, nothing is written outside of the directory", async () => {
  const directory = temporaryDirectory();
  const server = createServer((request, response) => {
    const file = { path: "../outside.ts", bytes: 4, content: "evil" };
    const isManifest = request.url!.endsWith("/files");
    response.end(JSON.stringify(isManifest ? { complete: true, files: [file] } : file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const { code, err } = await here.command("files", "p", "--url", url, "--out", join(directory, "inside"));

  expect(code).not.toBe(0);
  expect(err).toContain("is not below");
  expect(readdirSync(directory)).toEqual([]);
});
