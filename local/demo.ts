import { parseArgs } from "node:util";
import { run } from "../client/cli/program.ts";
import { type Convoke, convoke } from "../client/index.ts";
import { localScheduleScale } from "../core/config.ts";
import type { EventView } from "../core/protocol/wire.ts";
import { type Cloud, startCloud } from "./cloud.ts";
import { createKey } from "./keys.ts";
import { synthesize } from "./synthesize.ts";

const defaultQuestion = "Should a small team build on serverless, or on one good server?";

/** One council on a cloud that exists for as long as it takes. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { chaos: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  process.umask(0o077);
  console.log(
    "Synthesizing the CDK app, starting its table, queues, functions and gateways on this machine ...",
  );
  const cloud = await startCloud({ assembly: await synthesize(), scheduleScale: localScheduleScale });
  const stop = () => cloud.stop().then(() => process.exit(130));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    const key = await createKey(cloud, { tenant: "demo" });
    console.log(`Up at ${cloud.http}\n`);
    const client = convoke({ url: cloud.http, key });
    const chaos = values.chaos ? killWorkerOnce(cloud, client) : undefined;
    // Lines instead of a redrawn frame, where something else has to be told in between.
    const stdout = values.chaos ? plainLines(process.stdout) : process.stdout;
    const code = await run(
      ["council", positionals.join(" ") || defaultQuestion, "--url", cloud.http, "--key", key],
      {
        environment: {},
        directory: ".",
        stdin: process.stdin,
        stdout,
        stderr: process.stderr,
        onInterrupt: () => () => {},
      },
    );
    if (chaos) for (const line of accountOf(await chaos)) console.log(line);
    client.close();
    return code;
  } finally {
    await cloud.stop();
  }
}

/** Kills the worker when the second member has answered, and returns the job's events once it has ended. */
async function killWorkerOnce(cloud: Cloud, client: Convoke): Promise<EventView[]> {
  let [job] = (await client.list()).jobs;
  while (!job) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    [job] = (await client.list()).jobs;
  }
  const events: EventView[] = [];
  let answered = 0;
  for await (const event of client.watch(job.id)) {
    events.push(event);
    if (event.kind !== "step.completed" || !String(event.step).startsWith("stage1/")) continue;
    answered += 1;
    if (answered !== 2) continue;
    for (const pid of cloud.sandboxes("Worker")) {
      process.kill(pid, "SIGKILL");
      console.log(
        `\n  kill -9 ${pid}  (the worker, with two answers recorded and the others being written)\n`,
      );
    }
  }
  return events;
}

/** What the journal says of a job that lost its worker. */
function accountOf(events: EventView[]): string[] {
  const completed = events.filter(({ kind }) => kind === "step.completed").map(({ step }) => String(step));
  const attempts = events
    .filter(({ kind }) => kind === "step.started")
    .flatMap(({ steps }) => steps as { step: string; attempt: number }[]);
  const again = attempts.filter(({ attempt }) => attempt > 1).map(({ step }) => step);
  const twice = completed.length - new Set(completed).size;
  return [
    "",
    `The journal: ${events.length} events, ${completed.length} steps completed, ${twice} of them twice.`,
    `Begun again because the worker died over them: ${again.join(", ") || "none"}.`,
  ];
}

function plainLines(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  return Object.create(stream, { isTTY: { value: false }, write: { value: stream.write.bind(stream) } });
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
