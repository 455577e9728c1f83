import type { JobSummary } from "../../core/protocol/wire.ts";
import type { Metrics } from "../views.ts";
import { type Family, given, type Session, whole } from "./command.ts";
import { pages } from "./pages.ts";
import { columns, money } from "./text.ts";

type Redriving = { type?: string; tag?: string; before?: string; limit: number; dryRun?: boolean };

/** How the service does, and what to do when it has not done well. */
export function operationCommands({ command, act }: Family): void {
  command(
    "metrics",
    "queues, durations, failures, tokens and money of the newest jobs",
    "convoke metrics",
    "convoke metrics --type council --json | jq .types",
  )
    .option("--type <type>", "of one type")
    .action(
      act(async ({ client, signal, answer }: Session, { type }: { type?: string }) => {
        const metrics = await client.metrics({ ...given({ type }), signal });
        answer(metrics, metricsLines(metrics).join("\n"));
        return undefined;
      }),
    );

  command(
    "redrive",
    "retry the jobs that were given up over workers that died, as new jobs that pay for nothing twice",
    "convoke redrive --dry-run",
    "convoke redrive --type video --limit 10",
  )
    .option("--type <type>", "of one type")
    .option("--tag <tag>", "with a tag")
    .option("--before <moment>", "submitted before this moment (ISO 8601)")
    .option("--limit <count>", "how many failed jobs are looked at, newest first", whole, 100)
    .option("--dry-run", "only say which")
    .action(
      act(async (session: Session, { dryRun, before, limit, ...filter }: Redriving) => {
        const { client, signal } = session;
        const found: JobSummary[] = [];
        let looked = 0;
        const ask = (cursor: string | undefined) => {
          const most = Math.min(100, limit - looked);
          const query = { ...filter, ...given({ created_before: before, cursor }), limit: most, signal };
          return client.list({ status: "failed", ...query });
        };
        for await (const page of pages(ask)) {
          found.push(...page.jobs.filter(({ error }) => error?.code === givenUp));
          looked += page.jobs.length;
          if (looked >= limit) break;
        }

        const outcomes = dryRun
          ? found.map(({ id }) => ({ job_id: id, retry: null }))
          : await retry(session, found);
        session.table(outcomes, ["GIVEN UP", "RETRIED AS"], ({ job_id, retry }) => [job_id, retry ?? "-"]);
        const retried = outcomes.filter((outcome) => outcome.retry).length;
        session.complain(`${found.length} of ${looked} failed jobs were given up, ${retried} are retried.`);
        return undefined;
      }),
    );
}

/** What a job fails with whose workers died too often. Dead letters themselves are nobody's to redrive: the sweeper takes them. */
const givenUp = "worker_died";

const mostAtOnce = 100;

async function retry({ client, signal, complain }: Session, jobs: JobSummary[]) {
  const outcomes: { job_id: string; retry: string | null }[] = [];
  for (let at = 0; at < jobs.length; at += mostAtOnce) {
    const ids = jobs.slice(at, at + mostAtOnce).map(({ id }) => id);
    const done = await client.retryMany({ ids }, { signal });
    outcomes.push(...done.jobs.map(({ job_id, retry_of }) => ({ job_id: retry_of, retry: job_id })));
    for (const { job_id, message } of done.skipped) {
      outcomes.push({ job_id, retry: null });
      complain(`${job_id}: ${message}`);
    }
  }
  return outcomes;
}

function metricsLines({ at, over, queues, types, days }: Metrics): string[] {
  const percent = (rate: number | null) => (rate === null ? "" : `${(100 * rate).toFixed(0)} %`);
  const short = (value: number | null | undefined) => (value == null ? "" : `${value.toFixed(1)} s`);
  const since = over.since === null ? "" : `, the oldest of ${over.since}`;
  return [
    `At ${at}, of the newest ${over.jobs} jobs${since}`,
    "",
    ...columns(
      [
        ["LANE", "READY", "TAKEN", "DELAYED", "WAITING JOBS", "OLDEST"],
        ...queues.map((queue) => [
          queue.lane,
          String(queue.ready),
          String(queue.taken),
          String(queue.delayed),
          String(queue.waiting_jobs),
          short(queue.oldest_wait_seconds),
        ]),
      ],
      [1, 2, 3, 4, 5],
    ),
    "",
    ...columns(
      [
        ["TYPE", "JOBS", "COMPLETED", "FAILED", "CANCELLED", "FAILURES", "P50", "P90", "MOST"],
        ...types.map((type) => [
          type.type,
          String(type.jobs),
          String(type.completed),
          String(type.failed),
          String(type.cancelled),
          percent(type.failure_rate),
          short(type.execution_seconds?.p50),
          short(type.execution_seconds?.p90),
          short(type.execution_seconds?.max),
        ]),
      ],
      [1, 2, 3, 4, 5, 6, 7, 8],
    ),
    "",
    ...columns(
      [
        ["DAY", "JOBS", "MODEL CALLS", "TOKENS", "COST"],
        ...days.map((day) => [
          day.day,
          String(day.jobs),
          String(day.model_calls),
          String(day.input_tokens + day.output_tokens),
          day.cost_usd === null ? "unknown" : money(day.cost_usd),
        ]),
      ],
      [1, 2, 3, 4],
    ),
  ];
}
