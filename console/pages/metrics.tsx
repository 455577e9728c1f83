import { useLocation } from "preact-iso";
import type { Metrics } from "../../client/index.ts";
import { jobStatuses } from "../../core/protocol/job.ts";
import { addressOf } from "../live/job-rows.ts";
import { useResource } from "../live/resource.ts";
import { BarChart, type Series } from "../metrics/bar-chart.tsx";
import { type Day, daysShown } from "../metrics/days.ts";
import { client } from "../service.ts";
import { count, money, percent } from "../ui/numbers.ts";
import { Card, Empty, Page, Problem, Select, Skeleton, TableScroll } from "../ui/parts.tsx";
import { Status } from "../ui/status.tsx";
import { duration, Moment } from "../ui/time.tsx";

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
              <Queues queues={shown.queues} />
              <Types types={shown.types} />
              <Steps steps={shown.steps} journals={shown.over.journals} />
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
        <TableScroll label="Days">
          <table class="table">
            <thead>
              <tr>
                <th>Day</th>
                <th class="end">Jobs</th>
                <th class="end">Model calls</th>
                <th class="end">Input tokens</th>
                <th class="end">Output tokens</th>
                <th class="end">Cost</th>
              </tr>
            </thead>
            <tbody>
              {[...days].reverse().map((day) => (
                <tr key={day.day}>
                  <td>{day.day}</td>
                  <td class="end">{day.jobs}</td>
                  <td class="end">{count(day.model_calls)}</td>
                  <td class="end">{count(day.input_tokens)}</td>
                  <td class="end">{count(day.output_tokens)}</td>
                  <td class="end">{money(day.cost_usd ?? undefined)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableScroll>
      </details>
    </>
  );
}

type Times = NonNullable<Metrics["types"][number]["execution_seconds"]>;

function TimeCells({ of }: { of: Times | null }) {
  return (
    <>
      <td class="end">{of ? duration(of.p50 * 1_000) : "–"}</td>
      <td class="end">{of ? duration(of.p90 * 1_000) : "–"}</td>
      <td class="end">{of ? duration(of.max * 1_000) : "–"}</td>
      <td class="spread">{of && <Histogram of={of} />}</td>
    </>
  );
}

/** How many took how long, from the shortest to the longest. */
function Histogram({ of: { histogram } }: { of: Times }) {
  const most = Math.max(1, ...histogram.map((bucket) => bucket.count));
  return (
    <div class="histogram" aria-hidden="true">
      {histogram.map(({ le, count }) => (
        <span
          key={le}
          title={`${le === null ? "longer" : `up to ${duration(le * 1_000)}`}: ${count}`}
          style={{ height: `${(count / most) * 100}%` }}
        />
      ))}
    </div>
  );
}

function TimeHeads() {
  return (
    <>
      <th class="end" title="Half of them took no longer">
        p50
      </th>
      <th class="end" title="Nine in ten took no longer">
        p90
      </th>
      <th class="end">Longest</th>
      <th class="spread">Spread</th>
    </>
  );
}

function Types({ types }: { types: Metrics["types"] }) {
  return (
    <Card title="By type" bare>
      <TableScroll label="Types">
        <table class="table">
          <thead>
            <tr>
              <th>Type</th>
              <th class="end">Jobs</th>
              <th class="end">Completed</th>
              <th class="end">Failed</th>
              <th class="end">Cancelled</th>
              <th class="end">Failure rate</th>
              <TimeHeads />
            </tr>
          </thead>
          <tbody>
            {types.map(({ type, jobs, completed, failed, cancelled, failure_rate, execution_seconds }) => (
              <tr key={type}>
                <td>
                  <a href={addressOf({ type })}>{type}</a>
                </td>
                <td class="end">{jobs}</td>
                <td class="end">{completed}</td>
                <td class="end">
                  {failed > 0 ? <a href={addressOf({ type, status: "failed" })}>{failed}</a> : 0}
                </td>
                <td class="end">{cancelled}</td>
                <td class="end">{failure_rate === null ? "–" : percent(failure_rate)}</td>
                <TimeCells of={execution_seconds} />
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </Card>
  );
}

function Steps({ steps, journals }: { steps: Metrics["steps"]; journals: number }) {
  return (
    <Card
      title={
        <>
          By step <span class="faint small">in the newest {journals} that have ended</span>
        </>
      }
      bare
    >
      <TableScroll label="Steps">
        <table class="table">
          <thead>
            <tr>
              <th>Step</th>
              <th>Type</th>
              <th class="end">Attempts</th>
              <th class="end">Failed</th>
              <th class="end">Failure rate</th>
              <TimeHeads />
            </tr>
          </thead>
          <tbody>
            {steps.map(({ type, step, attempts, failed, failure_rate, execution_seconds }) => (
              <tr key={`${type} ${step}`}>
                <td>
                  <code>{step}</code>
                </td>
                <td class="soft">{type}</td>
                <td class="end">{attempts}</td>
                <td class="end">{failed}</td>
                <td class="end">{percent(failure_rate)}</td>
                <TimeCells of={execution_seconds} />
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </Card>
  );
}

function Queues({ queues }: { queues: Metrics["queues"] }) {
  return (
    <Card title="Queues" bare>
      <TableScroll label="Queues">
        <table class="table">
          <thead>
            <tr>
              <th>Lane</th>
              <th class="end" title="Messages that no worker has taken yet, of everybody; approximate">
                Ready
              </th>
              <th class="end">Taken</th>
              <th class="end">Delayed</th>
              <th class="end">Your jobs in line</th>
              <th class="end">Oldest waits</th>
            </tr>
          </thead>
          <tbody>
            {queues.map(({ lane, ready, taken, delayed, waiting_jobs, oldest_wait_seconds }) => (
              <tr key={lane}>
                <td>{lane}</td>
                <td class="end">{ready}</td>
                <td class="end">{taken}</td>
                <td class="end">{delayed}</td>
                <td class="end">{waiting_jobs}</td>
                <td class="end">
                  {oldest_wait_seconds === null ? "–" : duration(oldest_wait_seconds * 1_000)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </Card>
  );
}
