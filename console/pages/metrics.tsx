import { lazy, useLocation } from "preact-iso";
import type { Metrics } from "../../client/index.ts";
import { jobStatuses } from "../../core/protocol/job.ts";
import { addressOf } from "../live/job-rows.ts";
import { useResource } from "../live/resource.ts";
import type { Series } from "../metrics/bar-chart.tsx";
import { type Day, daysShown } from "../metrics/days.ts";
import { client } from "../service.ts";
import { count, money, percent } from "../ui/numbers.ts";
import { Card, Empty, Page, Problem, Select, Skeleton } from "../ui/parts.tsx";
import { Status } from "../ui/status.tsx";
import { type Column, numbers, Table } from "../ui/table.tsx";
import { duration, Moment } from "../ui/time.tsx";

const BarChart = lazy(() => import("../metrics/bar-chart.tsx"));

/** The service counts anew no more often than that. */
const everyMs = 15_000;

export function MetricsPage() {
  const { query, route } = useLocation();
  const type = query.type ?? "";
  const metrics = useResource((signal) => client.metrics({ ...(type ? { type } : {}), signal }), [type], {
    everyMs,
  });
  const status = useResource((signal) => client.status({ signal }), [], { everyMs });
  const types = useResource((signal) => client.jobTypes({ signal }), []);
  const shown = metrics.value.value;
  const problem = metrics.error.value ?? status.error.value;
  return (
    <Page
      title="Metrics"
      lead={shown && <Basis of={shown} />}
      actions={
        <Select
          class="input inline"
          aria-label="Type"
          value={type}
          none="All types"
          options={types.value.value?.map((one) => one.type) ?? []}
          onSelect={(type) => route(type ? `/metrics?type=${type}` : "/metrics")}
        />
      }
    >
      {problem && <Problem of={problem} retry={metrics.reload} />}
      {!shown && !problem && <Skeleton lines={10} />}
      {shown && (
        <div class="stack">
          {!type && status.value.value && <Statuses jobs={status.value.value.jobs} />}
          {shown.over.jobs === 0 ? (
            <Empty>
              <p>There is nothing to count yet.</p>
              <a class="button primary" href="/new">
                New job
              </a>
            </Empty>
          ) : (
            <>
              <Days days={daysShown(shown)} />
              <Card title="Queues" bare>
                <Table label="Queues" columns={queueColumns} rows={shown.queues} />
              </Card>
              <Card title="By type" bare>
                <Table label="Types" columns={typeColumns} rows={shown.types} />
              </Card>
              <Card
                title={
                  <>
                    By step{" "}
                    <span class="faint small">in the newest {shown.over.journals} that have ended</span>
                  </>
                }
                bare
              >
                <Table label="Steps" columns={stepColumns} rows={shown.steps} />
              </Card>
            </>
          )}
        </div>
      )}
    </Page>
  );
}

function Basis({ of: { at, over } }: { of: Metrics }) {
  return (
    <>
      {over.all ? `All ${over.jobs} jobs` : `The newest ${over.jobs} jobs`}
      {over.since && (
        <>
          , the oldest <Moment at={over.since} />
        </>
      )}
      ; counted <Moment at={at} />
    </>
  );
}

function Statuses({ jobs }: { jobs: Record<string, number> }) {
  return (
    <ul class="tiles" aria-label="Jobs by status">
      {jobStatuses.map((status) => (
        <li key={status}>
          <a class="card tile" href={addressOf({ status })}>
            <span class="tile-number number">{jobs[status] ?? 0}</span>
            <Status of={status} />
          </a>
        </li>
      ))}
    </ul>
  );
}

const dayForm = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

function Days({ days }: { days: Day[] }) {
  const labels = days.map(({ day }) => dayForm.format(Date.parse(day)));
  const chart = (title: string, series: Series[], format: (value: number) => string) => (
    <Card title={title}>
      <BarChart
        labels={labels}
        series={series}
        format={format}
        label={`${title}; the table has the numbers`}
      />
    </Card>
  );
  const of = (value: (day: Day) => number | null) => days.map(value);
  const jobs = { name: "jobs", colour: "--running", values: of((day) => day.jobs) };
  const input = { name: "input", colour: "--pending", values: of((day) => day.input_tokens) };
  const output = { name: "output", colour: "--running", values: of((day) => day.output_tokens) };
  const cost = { name: "cost", colour: "--completed", values: of((day) => day.cost_usd) };
  return (
    <>
      <div class="columns">
        {chart("Jobs per day", [jobs], count)}
        {chart("Tokens per day", [input, output], count)}
        {chart("Money per day", [cost], money)}
      </div>
      <details class="card fold">
        <summary>Days as a table</summary>
        <Table label="Days" columns={dayColumns} rows={[...days].reverse()} />
      </details>
    </>
  );
}

const dayColumns: Column<Day>[] = [
  { name: "Day", of: ({ day }) => day },
  numbers("Jobs", ({ jobs }) => jobs),
  numbers("Model calls", ({ model_calls }) => count(model_calls)),
  numbers("Input tokens", ({ input_tokens }) => count(input_tokens)),
  numbers("Output tokens", ({ output_tokens }) => count(output_tokens)),
  numbers("Cost", ({ cost_usd }) => money(cost_usd ?? undefined)),
];

function seconds(value: number | null | undefined): string {
  return typeof value === "number" ? duration(value * 1_000) : "–";
}

type Times = NonNullable<Metrics["types"][number]["execution_seconds"]>;

/** How many took how long, from the shortest to the longest. */
function Histogram({ of: { histogram } }: { of: Times }) {
  const most = Math.max(1, ...histogram.map((bucket) => bucket.count));
  return (
    <div class="histogram" aria-hidden="true">
      {histogram.map(({ le, count }) => (
        <span
          key={le}
          title={`${le === null ? "longer" : `up to ${seconds(le)}`}: ${count}`}
          style={{ height: `${(count / most) * 100}%` }}
        />
      ))}
    </div>
  );
}

const times: Column<{ execution_seconds: Times | null }>[] = [
  numbers("p50", ({ execution_seconds: of }) => seconds(of?.p50), "Half of them took no longer"),
  numbers("p90", ({ execution_seconds: of }) => seconds(of?.p90), "Nine in ten took no longer"),
  numbers("Longest", ({ execution_seconds: of }) => seconds(of?.max)),
  { name: "Spread", class: "spread", of: ({ execution_seconds: of }) => of && <Histogram of={of} /> },
];

const typeColumns: Column<Metrics["types"][number]>[] = [
  { name: "Type", of: ({ type }) => <a href={addressOf({ type })}>{type}</a> },
  numbers("Jobs", ({ jobs }) => jobs),
  numbers("Completed", ({ completed }) => completed),
  numbers("Failed", ({ type, failed }) =>
    failed > 0 ? <a href={addressOf({ type, status: "failed" })}>{failed}</a> : 0,
  ),
  numbers("Cancelled", ({ cancelled }) => cancelled),
  numbers("Failure rate", ({ failure_rate: rate }) => (rate === null ? "–" : percent(rate))),
  ...times,
];

const stepColumns: Column<Metrics["steps"][number]>[] = [
  { name: "Step", of: ({ step }) => <code>{step}</code> },
  { name: "Type", class: "soft", of: ({ type }) => type },
  numbers("Attempts", ({ attempts }) => attempts),
  numbers("Failed", ({ failed }) => failed),
  numbers("Failure rate", ({ failure_rate }) => percent(failure_rate)),
  ...times,
];

const queueColumns: Column<Metrics["queues"][number]>[] = [
  { name: "Lane", of: ({ lane }) => lane },
  numbers("Ready", ({ ready }) => ready, "Messages that no worker has taken yet, of everybody; approximate"),
  numbers("Taken", ({ taken }) => taken),
  numbers("Delayed", ({ delayed }) => delayed),
  numbers("Your jobs in line", ({ waiting_jobs }) => waiting_jobs),
  numbers("Oldest waits", ({ oldest_wait_seconds }) => seconds(oldest_wait_seconds)),
];
