import { useSignal } from "@preact/signals";
import { isTerminal } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import { axisEnd, type Bar, layOut, type Row } from "../live/gantt.ts";
import type { LiveJob } from "../live/live-job.ts";
import type { Attempt, Scene, Step } from "../live/story.ts";
import { useValue } from "../live/value.ts";
import { Arriving } from "../ui/arriving.tsx";
import { JsonView } from "../ui/json.tsx";
import { count, money } from "../ui/numbers.ts";
import { Empty, Problem, Skeleton } from "../ui/parts.tsx";
import { isObject } from "../ui/schema.ts";
import { Status } from "../ui/status.tsx";
import { type Column, numbers, Table } from "../ui/table.tsx";
import { Markdown } from "../ui/text.tsx";
import { clock, duration, now } from "../ui/time.tsx";
import { JobLink } from "./head.tsx";

const mostShown = 300;

/** Every step over time: when it was at work, when it waited, and what came of it. */
export function Steps({ live, scene, isPast }: { live: LiveJob; scene: Scene; isPast: boolean }) {
  const open = useSignal<ReadonlySet<string>>(new Set());
  const all = useSignal(false);
  const ended = isTerminal(scene.job.status);
  const last = live.scene.value?.at ?? scene.at;
  const moment = isPast || ended ? scene.at : Math.max(now.value, scene.at);
  const until = isPast ? last : ended ? 0 : axisEnd(scene.job.createdAt, moment);
  const gantt = layOut(scene, moment, until);
  const rows = all.value ? gantt.rows : gantt.rows.slice(0, mostShown);
  const toggle = (path: string) => {
    const next = new Set(open.value);
    if (!next.delete(path)) next.add(path);
    open.value = next;
  };
  if (rows.length === 0)
    return <Empty>{ended ? "It has ended without a step." : "No step has begun yet."}</Empty>;
  const marks = (
    <>
      {gantt.folds.map((fold) => (
        <span
          key={fold.left}
          class="fold"
          style={{ left: `${fold.left}%`, width: `${fold.width}%` }}
          title={`${duration(fold.ms)} in which nothing ran, drawn shorter`}
        />
      ))}
      {gantt.now !== undefined && <span class="now" style={{ left: `${gantt.now}%` }} />}
    </>
  );
  return (
    <div class="gantt">
      <div class="step axis" aria-hidden="true">
        <span />
        <div class="ticks">
          {gantt.ticks.map(({ left, ms }) => (
            <span key={ms} style={{ left: `${left}%` }}>
              {tickText(ms, gantt.tickMs)}
            </span>
          ))}
        </div>
        <span />
      </div>
      <div class="step lane">
        <span class="faint small">worker passes</span>
        <div class="track thin" role="img" aria-label={`${gantt.passes.length} worker passes`}>
          {gantt.passes.map((pass) => (
            <span
              key={pass.from}
              class="attempt"
              style={{ left: `${pass.left}%`, width: `${pass.width}%` }}
              title={`Pass of ${duration(pass.to - pass.from)}${pass.reason ? `, then ${pass.reason.replaceAll("_", " ")}` : ""}`}
            />
          ))}
        </div>
        <span class="length">{gantt.passes.length}</span>
      </div>
      {rows.map((row) => {
        const isOpen = open.value.has(row.step.path);
        return (
          <div
            key={row.step.path}
            class={`step ${ended ? leftAs(row.step) : row.step.status} ${row.step.inherited ? "inherited" : ""}`}
          >
            <button
              type="button"
              class="name"
              aria-expanded={isOpen}
              onClick={() => toggle(row.step.path)}
              title={row.step.path}
            >
              <Path of={row.step.path} />
            </button>
            <div class="track" role="img" aria-label={spoken(row)}>
              {row.bars.map((bar, index) => (
                <span
                  key={index}
                  class={`attempt ${classOf(row.step, bar)}`}
                  style={{ left: `${bar.left}%`, width: `${bar.width}%` }}
                  title={titleOf(bar)}
                />
              ))}
              {marks}
            </div>
            <span class="length">{duration(row.to - row.from)}</span>
            {isOpen && <StepDetail live={live} step={row.step} isPast={isPast} />}
          </div>
        );
      })}
      {rows.length < gantt.rows.length && (
        <div class="whole row">
          <button type="button" class="button small" onClick={() => (all.value = true)}>
            Show all {gantt.rows.length} steps
          </button>
        </div>
      )}
    </div>
  );
}

/** Nothing comes of a step that has no outcome when its job ends. */
function leftAs({ status }: Step): string {
  return status === "completed" || status === "failed" ? status : "cancelled";
}

/** As exact as the ticks lie close to each other. */
function tickText(ms: number, everyMs: number): string {
  if (ms === 0) return "0";
  if (ms < 1_000 || everyMs % 1_000 === 0) return duration(ms);
  return `${(ms / 1_000).toFixed(everyMs < 100 ? 2 : 1)} s`;
}

function Path({ of }: { of: string }) {
  const cut = of.indexOf("/") + 1;
  return (
    <span class="clip">
      {cut > 0 && <span class="faint">{of.slice(0, cut)}</span>}
      {of.slice(cut)}
    </span>
  );
}

function classOf(step: Step, bar: Bar): string {
  if (bar.what !== "attempt") return "hollow";
  return bar.attempt.failure && step.status !== "failed" ? "failed" : "";
}

function titleOf(bar: Bar): string {
  const length = duration(bar.to - bar.from);
  if (bar.what !== "attempt")
    return bar.what === "wait" ? `Waited ${length}` : `${length} until the next try`;
  const { attempt, failure } = bar.attempt;
  return `Attempt ${attempt}, ${length}${failure ? `: ${failure.message}` : ""}`;
}

function spoken({ step, from, to }: Row): string {
  const tries = step.attempts.length > 1 ? `, ${step.attempts.length} attempts` : "";
  return `${step.path}: ${step.status}, ${duration(to - from)}${tries}${step.inherited ? ", inherited" : ""}`;
}

function StepDetail({ live, step, isPast }: { live: LiveJob; step: Step; isPast: boolean }) {
  const { usage, failure } = step;
  return (
    <div class="detail stack">
      <div class="row small">
        <Status of={step.status} />
        <span class="soft">{step.kind}</span>
        {step.inherited && <span class="tag">inherited, paid for by the job before</span>}
        {step.mock && <span class="tag mock">mock</span>}
        {step.degraded && <span class="tag">degraded</span>}
        {usage && (
          <span class="number soft">
            {count(usage.input_tokens)} tokens in, {count(usage.output_tokens)} out, {money(usage.cost_usd)}
          </span>
        )}
        {step.childJobId && <JobLink name="Child job" id={step.childJobId} />}
        <span class="number faint">from {clock(step.startedAt)}</span>
      </div>
      {(step.attempts.length > 1 || failure) && (
        <Table label="Attempts" columns={attemptColumns} rows={step.attempts} small />
      )}
      {step.ask && <p class="plain">{step.ask.question}</p>}
      {step.outcome ? (
        <Outcome jobId={live.jobId} step={step} />
      ) : (
        step.status === "running" &&
        !isPast && <Arriving text={live.text(step.path)} before="Nothing has arrived yet." />
      )}
    </div>
  );
}

const attemptColumns: Column<Attempt>[] = [
  { name: "Attempt", of: ({ attempt }) => attempt },
  { name: "Began", class: "number", of: ({ startedAt }) => clock(startedAt) },
  numbers("Took", ({ startedAt, endedAt }) => (endedAt === undefined ? "–" : duration(endedAt - startedAt))),
  {
    name: "Failure",
    of: ({ failure }) =>
      failure && (
        <>
          <code>{failure.code}</code> {failure.message}
        </>
      ),
  },
  numbers("Next not before", ({ retryAt }) => (retryAt === undefined ? "–" : clock(retryAt))),
];

/** What a step gave: the text of a model as it reads, anything else as a value. */
function Outcome({ jobId, step }: { jobId: string; step: Step }) {
  const { value, loading, error, retry } = useValue(jobId, step.outcome);
  if (error) return <Problem of={error} retry={retry} />;
  if (loading) return <Skeleton lines={2} />;
  if (value === undefined) return null;
  const text = textOf(value);
  if (!text) return <JsonView value={value} />;
  return (
    <>
      <Markdown text={text} />
      {value !== text && (
        <details>
          <summary class="small soft">As JSON</summary>
          <JsonView value={value} />
        </details>
      )}
    </>
  );
}

function textOf(value: Json): string | undefined {
  if (typeof value === "string") return value;
  // What comes in a form is read in its form.
  if (!isObject(value) || value.object !== undefined) return undefined;
  return typeof value.text === "string" ? value.text : undefined;
}
