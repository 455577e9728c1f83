// What the harness calls: starts the embedded cloud, submits over HTTP, watches over WebSocket. Everything is on disk.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { launch, stop, waitFor } from "../lib/proc.mjs";
import { convoke } from "./repository/client/index.ts";

const here = import.meta.dirname;

/** A connection may watch fifty jobs, and is told only now and then that some of them have ended. */
const watchesPerClient = 25;

export async function start({ tmp }) {
  let clients = [];
  const sys = {
    server: [],
    // Sandboxes are children of the runner, whose whole tree the harness counts.
    worker: [],

    async run(job, acked, onStep) {
      const client = clients.find(({ load }) => load < watchesPerClient);
      client.load++;
      try {
        const { job_id } = await client.convoke.submit("reference", job);
        acked();
        for await (const event of client.convoke.watch(job_id)) {
          if (event.kind === "step.completed") onStep(event.step);
          if (event.kind === "job.completed") return event.result;
        }
        throw new Error(`Job ${job_id} has no result`);
      } finally {
        client.load--;
      }
    },

    /** The runner lives on when its workers are killed, as AWS would. Only another environment needs another runner. */
    async restartWorker(env, hard) {
      if (hard) {
        for (const pid of sandboxes(sys.server[0].pid, "worker")) process.kill(pid, "SIGKILL");
        return;
      }
      await end();
      await begin({ MOCK_CALL_LOG: env.CALLLOG });
    },

    stop: end,
  };

  async function begin(env = {}) {
    const data = join(tmp, "convoke");
    const options = ["--port", "0", "--data", data, "-c", `jobs=${join(here, "jobs.mjs")}`];
    const runner = launch(
      "convoke",
      process.execPath,
      [join(here, "repository/local/start.ts"), ...options],
      {
        logDir: tmp,
        env,
      },
    );
    sys.server = [runner];
    const ready = await waitFor(() => readyLine(join(tmp, "convoke.log"), runner));
    clients = Array.from({ length: 8 }, () => ({
      load: 0,
      convoke: convoke({ url: ready.http, key: ready.key }),
    }));
    for (const client of clients) client.convoke.connect();
  }

  async function end() {
    for (const client of clients) client.convoke.close();
    await stop(sys.server[0], "SIGINT");
  }

  await begin();
  return sys;
}

/** The log is that of all runners so far, so only the last one's line counts. */
let readBefore = 0;
function readyLine(file, runner) {
  if (runner.gone) throw new Error(`Convoke did not start: see ${file}`);
  const text = readFileSync(file, "utf8");
  const [, json] = /^ready (\{.*\})$/m.exec(text.slice(readBefore)) ?? [];
  if (!json) return undefined;
  readBefore = text.length;
  return JSON.parse(json);
}

function sandboxes(parent, label) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return (
          Number(ppid) === parent &&
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`convoke-lambda ${label}`)
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}
