import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { JobSummary, JobType } from "../../client/index.ts";
import { isTerminal, jobStatuses } from "../../core/protocol/job.ts";
import { BulkBar } from "../jobs/bulk-bar.tsx";
import { useJobs } from "../live/job-list.ts";
import { addressOf, type Filter, filterOf, placeInLine, type Row, speaksOf } from "../live/job-rows.ts";
import { useResource } from "../live/resource.ts";
import { client } from "../service.ts";
import { useShortcuts } from "../ui/keys.ts";
import { money } from "../ui/numbers.ts";
import { Empty, Page, Problem, Select, Skeleton } from "../ui/parts.tsx";
import { Bar, Status } from "../ui/status.tsx";
import { Duration, duration, Moment, now } from "../ui/time.tsx";

export function JobsPage() {
  const { query, route } = useLocation();
  const filter = filterOf(query);
  const { list, error, loading, loadMore, refresh } = useJobs(filter);
  const types = useResource((signal) => client.jobTypes({ signal }), []);
  const selected = useSignal<ReadonlySet<string>>(new Set());
  const text = filter.text ?? "";
  const rows = (list.rows.value ?? []).filter((row) => !text || speaksOf(row.value, text));
  const hasFilter = Object.keys(filter).length > 0;
  const change = (more: Filter, replace = false) => route(addressOf({ ...filter, ...more }), replace);

  // What is not seen must not be cancelled.
  const seen = rows.map((row) => row.peek().id).join();
  useEffect(() => {
    const kept = [...selected.value].filter((id) => seen.includes(id));
    if (kept.length < selected.value.size) selected.value = new Set(kept);
  }, [seen, selected]);

  if (list.rows.value?.length === 0 && !hasFilter && !loading.value && !error.value) return <FirstVisit />;
  return (
    <Page title="Jobs">
      <div class="stack">
        <Filters filter={filter} types={types.value.value ?? []} change={change} />
        {error.value && <Problem of={error.value} retry={refresh} />}
        {list.rows.value ? (
          <section class="card" aria-label="Jobs" aria-busy={loading.value}>
            <div class="list-head small soft">
              <span role="status">
                {rows.length} {rows.length === 1 ? "job" : "jobs"}
                {list.more.value && " loaded, the newest"}
              </span>
              {list.arrived.value > 0 && (
                <button type="button" class="button small" onClick={() => list.release()}>
                  {list.arrived.value} new
                </button>
              )}
            </div>
            {rows.length === 0 ? (
              <Empty>
                <p>No job {list.more.value && text ? "that is loaded " : ""}is like that.</p>
                <a class="button" href="/jobs">
                  All jobs
                </a>
              </Empty>
            ) : (
              <Table
                rows={rows}
                selected={selected.value}
                select={(ids) => (selected.value = ids)}
                hold={(held) => {
                  list.held.value = held;
                  if (!held) list.release();
                }}
              />
            )}
            {list.more.value && (
              <div class="list-foot">
                <button type="button" class="button small" onClick={() => void loadMore()}>
                  More
                </button>
              </div>
            )}
          </section>
        ) : (
          <Skeleton lines={12} />
        )}
        <BulkBar
          jobs={rows.map((row) => row.value).filter(({ id }) => selected.value.has(id))}
          filter={list.more.value && selected.value.size === rows.length && !text ? filter : undefined}
          done={() => {
            selected.value = new Set();
            refresh();
          }}
        />
      </div>
    </Page>
  );
}

function Filters({
  filter,
  types,
  change,
}: {
  filter: Filter;
  types: JobType[];
  change: (more: Filter, replace?: boolean) => void;
}) {
  const search = useRef<HTMLInputElement>(null);
  useShortcuts(useMemo(() => [{ keys: "/", does: "Look for jobs", run: () => search.current?.focus() }], []));
  const { status, ...others } = filter;
  return (
    <search class="filters">
      <nav class="chips" aria-label="Status">
        <a class="chip" href={addressOf(others)} aria-current={status ? undefined : "page"}>
          All
        </a>
        {jobStatuses.map((one) => (
          <a
            key={one}
            class={`chip ${one}`}
            href={addressOf({ ...others, status: one })}
            aria-current={one === status ? "page" : undefined}
          >
            {one}
          </a>
        ))}
      </nav>
      <input
        ref={search}
        class="input"
        type="search"
        aria-label="Text"
        placeholder="Title, id, error …"
        value={filter.text ?? ""}
        onInput={({ currentTarget }) => change({ text: currentTarget.value }, true)}
      />
      <Select
        class="input"
        aria-label="Type"
        value={filter.type ?? ""}
        none="Any type"
        options={[...new Set([...(filter.type ? [filter.type] : []), ...types.map(({ type }) => type)])]}
        onSelect={(type) => change({ type })}
      />
      <input
        class="input"
        type="search"
        aria-label="Tag"
        placeholder="Tag"
        value={filter.tag ?? ""}
        onChange={({ currentTarget }) => change({ tag: currentTarget.value.trim() })}
      />
    </search>
  );
}

function Table({
  rows,
  selected,
  select,
  hold,
}: {
  rows: Row[];
  selected: ReadonlySet<string>;
  select: (ids: ReadonlySet<string>) => void;
  hold: (held: boolean) => void;
}) {
  const body = useRef<HTMLTableSectionElement>(null);
  const last = useRef(-1);
  const pending = useComputed(() => rows.some((row) => row.value.status === "pending"));
  const line = useLine(pending);
  const ids = rows.map((row) => row.peek().id);

  const toggle = (index: number, through: boolean) => {
    const next = new Set(selected);
    const on = !next.has(ids[index]!);
    const [from, to] =
      through && last.current >= 0 ? [last.current, index].sort((a, b) => a - b) : [index, index];
    for (const id of ids.slice(from, to! + 1)) {
      if (on) next.add(id);
      else next.delete(id);
    }
    last.current = index;
    select(next);
  };

  const at = () => {
    const links = [...(body.current?.querySelectorAll<HTMLElement>("a.job-title") ?? [])];
    const row = document.activeElement?.closest("tr");
    return { links, index: links.findIndex((link) => row?.contains(link)) };
  };
  const move = (step: number) => {
    const { links, index } = at();
    links[index < 0 ? 0 : Math.min(links.length - 1, Math.max(0, index + step))]?.focus();
  };
  const pick = (through: boolean) => {
    const { index } = at();
    if (index >= 0) toggle(index, through);
  };
  const current = useRef({ move, pick });
  current.current = { move, pick };
  useShortcuts(
    useMemo(
      () => [
        { keys: "j", does: "Next job; Enter opens it", run: () => current.current.move(1) },
        { keys: "k", does: "Previous job", run: () => current.current.move(-1) },
        { keys: "x", does: "Select the job", run: () => current.current.pick(false) },
        { keys: "X", does: "Select all jobs up to this one", run: () => current.current.pick(true) },
      ],
      [],
    ),
  );

  const all = selected.size === ids.length;
  let etas = mostEtas;
  return (
    <table class="table jobs" onMouseEnter={() => hold(true)} onMouseLeave={() => hold(false)}>
      <thead>
        <tr>
          <th class="pick">
            <input
              type="checkbox"
              aria-label="Select all jobs"
              checked={all}
              indeterminate={selected.size > 0 && !all}
              onChange={() => select(new Set(all ? [] : ids))}
            />
          </th>
          <th>Job</th>
          <th class="state">Status</th>
          <th class="way">Progress</th>
          <th class="end moment">Created</th>
          <th class="end length">Took</th>
          <th class="end cost">Cost</th>
        </tr>
      </thead>
      <tbody ref={body}>
        {rows.map((row, index) => (
          <JobRow
            key={ids[index]}
            row={row}
            isSelected={selected.has(ids[index]!)}
            toggle={(through) => toggle(index, through)}
            line={line}
            withEta={row.value.status === "running" && etas-- > 0}
          />
        ))}
      </tbody>
    </table>
  );
}

/** Each is a request of its own, again and again. */
const mostEtas = 6;

/** Everything of one's own that waits for a worker, while something does. */
function useLine(pending: ReadonlySignal<boolean>): ReadonlySignal<JobSummary[]> {
  const asked = pending.value;
  const { value } = useResource(
    async (signal) => (asked ? (await client.list({ status: "pending", limit: 100, signal })).jobs : []),
    [asked],
    asked ? { everyMs: 5_000 } : {},
  );
  return useComputed(() => value.value ?? []);
}

function JobRow({
  row,
  isSelected,
  toggle,
  line,
  withEta,
}: {
  row: Row;
  isSelected: boolean;
  toggle: (through: boolean) => void;
  line: ReadonlySignal<JobSummary[]>;
  withEta: boolean;
}) {
  const job = row.value;
  const title = job.title || job.type;
  return (
    <tr aria-selected={isSelected}>
      <td class="pick">
        <input
          type="checkbox"
          aria-label={`Select ${title}`}
          checked={isSelected}
          onClick={(event) => toggle(event.shiftKey)}
        />
      </td>
      <td class="what">
        <a class="job-title clip" href={`/jobs/${job.id}`} title={title}>
          {title}
        </a>
        <span class="job-about clip">
          <a class="faint" href={addressOf({ type: job.type })}>
            {job.type}
          </a>
          {job.mock && (
            <span class="tag mock" title="A mock model has answered">
              mock
            </span>
          )}
          {job.degraded && (
            <span class="tag" title="Some step answered with less than was asked for">
              degraded
            </span>
          )}
          {job.fork_of && <span class="tag">fork</span>}
          {job.schedule_id && <span class="tag">scheduled</span>}
          {job.tags.map((tag) => (
            <a class="tag" key={tag} href={addressOf({ tag })}>
              {tag}
            </a>
          ))}
        </span>
      </td>
      <td class="state">
        <Status of={job.status} paused={job.paused && !isTerminal(job.status)} />
      </td>
      <td class="way">
        <Way job={job} line={line} withEta={withEta} />
      </td>
      <td class="end moment soft">
        <Moment at={job.created_at} />
      </td>
      <td class="end length soft">
        {job.started_at ? (
          <Duration
            from={Date.parse(job.started_at)}
            to={job.completed_at ? Date.parse(job.completed_at) : undefined}
          />
        ) : (
          <span class="faint">–</span>
        )}
      </td>
      <td class="end cost soft">{job.usage.model_calls > 0 ? money(job.usage.cost_usd) : ""}</td>
    </tr>
  );
}

/** How far it has come, and why it is where it is. */
function Way({
  job,
  line,
  withEta,
}: {
  job: JobSummary;
  line: ReadonlySignal<JobSummary[]>;
  withEta: boolean;
}) {
  const percentage = job.status === "completed" ? 100 : (job.progress?.percentage ?? 0);
  return (
    <>
      <Bar percentage={percentage} status={job.status} label={`Progress of ${job.title || job.type}`} />
      <span class="way-text small">
        <span class="clip soft">{reasonOf(job, line.value)}</span>
        <span class="number faint">
          {withEta ? <Eta job={job} /> : isTerminal(job.status) ? null : `${Math.round(percentage)} %`}
        </span>
      </span>
    </>
  );
}

function reasonOf(job: JobSummary, line: JobSummary[]) {
  const { status } = job;
  if (status === "failed" || status === "cancelled")
    return (
      <span title={job.error_message ?? ""}>
        {job.error_message ?? (status === "cancelled" ? "Cancelled" : "")}
      </span>
    );
  if (status === "completed") return job.progress?.details ?? "";
  if (job.cancel_requested) return "Cancel requested";
  if (job.blocked) return `Blocked: ${job.blocked.message}`;
  if (job.budget_exceeded) return `Held: ${job.budget_exceeded.message}`;
  if (job.callbacks.some(({ ask, outcome }) => ask && !outcome))
    return <a href="/inbox">Waits for an answer</a>;
  if (status === "scheduled") return scheduledFor(job);
  if (status === "pending") {
    const place = placeInLine(job, line);
    return place === undefined ? "In line" : place === 1 ? "Next in line" : `${ordinal(place)} in line`;
  }
  return job.progress?.current_step ?? "";
}

function scheduledFor({ run_at, depends_on }: JobSummary) {
  if (run_at && Date.parse(run_at) > now.value)
    return (
      <>
        Begins <Moment at={run_at} />
      </>
    );
  return depends_on.length > 0 ? `Waits for ${depends_on.length} jobs` : "Held back";
}

const rules = new Intl.PluralRules("en", { type: "ordinal" });
const endings: Record<string, string> = { one: "st", two: "nd", few: "rd", other: "th" };

function ordinal(place: number): string {
  return `${place}${endings[rules.select(place)]}`;
}

function Eta({ job }: { job: JobSummary }) {
  const { value } = useResource(
    (signal) => client.get(job.id, { signal }),
    [job.id, job.progress?.completed_steps],
    {
      everyMs: 15_000,
    },
  );
  const eta = value.value?.eta;
  if (!eta) return <>{Math.round(job.progress?.percentage ?? 0)} %</>;
  const left = Date.parse(eta.completes_at) - now.value;
  return (
    <span
      title={`Between ${eta.seconds_low} and ${eta.seconds_high} s, as ${eta.learned_from.jobs} jobs before`}
    >
      {left > 1_000 ? `≈ ${duration(left)} left` : "any moment"}
    </span>
  );
}

function FirstVisit() {
  const command = `npx convoke submit council --question "Why is the sky blue?"`;
  const request = `curl ${location.origin}/api/jobs \\
  -H "authorization: Bearer $KEY" -H "content-type: application/json" \\
  -d '{"type": "council", "input": {"question": "Why is the sky blue?"}}'`;
  return (
    <Page title="Jobs">
      <div class="card first-visit">
        <h2>No jobs yet</h2>
        <p class="soft">
          A job is work for language models that takes its time. Submit one, close the page, and come back:
          nothing is missed.
        </p>
        <div class="row">
          <a class="button primary" href="/new/council">
            Ask a council
          </a>
          <a class="button" href="/new">
            All kinds of jobs
          </a>
        </div>
        <h3>From a terminal</h3>
        <pre class="code">{command}</pre>
        <h3>Over HTTP</h3>
        <pre class="code">{request}</pre>
      </div>
    </Page>
  );
}
