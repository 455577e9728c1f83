import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpointOf } from "../../local/endpoint.ts";
import { type TestCloud, test as withCloud } from "./cloud.ts";

export type Ended = { code: number | null; out: string; err: string };

/** `convoke` as a process of its own, in a directory where `npm start` has been. */
export type ConvokeProcess = {
  (...args: string[]): Promise<Ended>;
  /** The same for somebody who types, or has other variables. */
  given(world: { stdin?: string; environment?: NodeJS.ProcessEnv }, ...args: string[]): Promise<Ended>;
  /** What it prints as JSON lines, once it has ended well. */
  json<T>(...args: string[]): Promise<T[]>;
  directory: string;
};

function convokeIn(directory: string): ConvokeProcess {
  const given: ConvokeProcess["given"] = ({ stdin = "", environment = {} }, ...args) => {
    const command = join(import.meta.dirname, "../../client/cli/convoke.js");
    const child = spawn(process.execPath, [command, ...args], {
      cwd: directory,
      env: { PATH: process.env.PATH, ...environment },
    });
    child.stdin.end(stdin);
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    return new Promise((resolve) => {
      child.on("close", (code) => resolve({ code, out, err }));
    });
  };
  const json = async <T>(...args: string[]) => {
    const { code, out, err } = await given({}, ...args, "--json");
    if (code !== 0) throw new Error(`convoke ${args.join(" ")} ended with ${code}: ${err}`);
    return out
      .trimEnd()
      .split("\n")
      .filter((line) => line !== "")
      .map((line): T => JSON.parse(line));
  };
  return Object.assign((...args: string[]) => given({}, ...args), { given, json, directory });
}

function startedDirectory(cloud: TestCloud): string {
  const directory = mkdtempSync(join(tmpdir(), "convoke-cli-"));
  mkdirSync(join(directory, ".convoke"));
  writeFileSync(join(directory, ".convoke/endpoint.json"), JSON.stringify(endpointOf(cloud, cloud.key)));
  return directory;
}

/** `test("...", async ({ cloud, convoke }) => ...)` */
export const test = withCloud.extend<{ convoke: ConvokeProcess }>({
  convoke: [
    async ({ cloud }: { cloud: TestCloud }, use: (convoke: ConvokeProcess) => Promise<void>) => {
      const directory = startedDirectory(cloud);
      await use(convokeIn(directory));
      rmSync(directory, { recursive: true, force: true });
    },
    { scope: "file" },
  ],
});
