import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "vitest";
import { type Convoke, convoke } from "../../client/index.ts";
import { type Place, test as pageTest } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { ended } from "../support/journals.ts";

/** `npm start` in a process of its own, which a test may kill and start again at the same address. */
type Runner = Place & {
  client: Convoke;
  /** With SIGKILL, so that it can finish nothing. */
  kill(): Promise<void>;
  start(): Promise<void>;
};

const test = pageTest.extend<{ place: Runner }>({
  place: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of other fixtures from this pattern
    async ({}, use) => {
      const data = mkdtempSync(join(tmpdir(), "convoke-pages-"));
      let runner: ChildProcess;
      const start = async (port: string) => {
        runner = spawn(process.execPath, ["local/start.ts", "--port", port, "--data", data], {
          cwd: join(import.meta.dirname, "../.."),
          env: { ...process.env, MOCK_LATENCY_MS: "400" },
          stdio: ["ignore", "pipe", "inherit"],
        });
        for await (const line of createInterface({ input: runner.stdout! })) {
          if (!line.startsWith("ready ")) continue;
          runner.stdout!.resume();
          return JSON.parse(line.slice("ready ".length)) as Pick<Place, "http" | "ws" | "key">;
        }
        throw new Error(`The runner ended with ${runner.exitCode}`);
      };
      const stop = (signal: NodeJS.Signals) =>
        new Promise<void>((resolve) => {
          runner.once("exit", () => resolve());
          runner.kill(signal);
        });
      const ready = await start("0");
      const client = convoke({ url: ready.http, key: ready.key });
      await use({
        ...ready,
        endpoints: { s3: ready.http },
        client,
        kill: () => stop("SIGKILL"),
        start: async () => void (await start(new URL(ready.http).port)),
      });
      client.close();
      await stop("SIGTERM");
      rmSync(data, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
    { scope: "file" },
  ],
});

test("a page that is open while the runner is killed says so, and shows everything once it is back", async ({
  visitor,
  place,
}) => {
  const { page } = visitor;
  // What the browser itself says of requests that nobody answers.
  visitor.expectComplaint(/^console: .*(ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_SOCKET|WebSocket connection)/);
  const { job_id: jobId } = await place.client.submit("council", { question: "What is a good tool?" });
  await visitor.open(`/jobs/${jobId}?tab=journal`);
  await page
    .getByRole("button", { name: /step.started/ })
    .first()
    .waitFor();

  await place.kill();
  await page.getByText("No connection to the service").waitFor();
  const before = await page.getByRole("button", { name: /step.started/ }).count();
  await place.start();

  await page.locator(".page-head .status.completed").waitFor({ timeout: 60_000 });
  await expect
    .poll(() => page.getByText("No connection to the service").count(), { timeout: 30_000 })
    .toBe(0);
  const job = await ended(place.client, jobId);
  expect(before).toBeGreaterThan(0);
  expect(await page.getByRole("tab", { name: /Journal/ }).innerText()).toContain(String(job.seq));
}, 120_000);

test("a question of a dialogue is answered after a restart, on the page that has been open all the time", async ({
  visitor,
  place,
}) => {
  const { page } = visitor;
  visitor.expectComplaint(/^console: .*(ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_SOCKET|WebSocket connection)/);
  const { job_id: jobId } = await place.client.submit("maieutic", {
    narrative: "A manager takes credit for a colleague's idea.",
    goal: "understand",
    max_turns: 2,
    models: ["mock:athena"],
  });
  await visitor.open(`/jobs/${jobId}`);
  const answer = page.getByRole("textbox", { name: /answer/i }).first();
  await answer.fill("She was afraid that nobody would listen to her.");
  const [asked] = (await place.client.get(jobId)).callbacks;

  await place.kill();
  await place.start();
  await page
    .getByRole("button", { name: /^answer/i })
    .first()
    .click();

  // What has been typed is still there, and the next question comes.
  await eventually(async () => {
    const { callbacks } = await place.client.get(jobId);
    return callbacks.some(({ id, outcome }) => outcome === null && id !== asked!.id);
  }, 45_000);
  await page.getByText("She was afraid that nobody would listen to her.").first().waitFor();
  expect((await place.client.get(jobId)).status).toBe("waiting");
}, 120_000);
