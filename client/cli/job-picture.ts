import type { Failure, JobStatus, Progress, Usage } from "../../core/protocol/job.ts";
import { addUsage, noUsage } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import { statusAfter } from "../../core/protocol/message.ts";
import { type EventView, fromWire } from "../../core/protocol/wire.ts";
import type { DeltaView } from "../feed.ts";
import { lookOf } from "./looks.ts";

/** A step, a wait or a question of a job as a person sees it; what is tried again stays the same one. */
export type PicturedStep = {
  /** Tells steps apart. */
  row: string;
  /** Steps of one group stand below its heading. */
  group: string;
  name: string;
  state: "expected" | "working" | "waiting" | "done" | "failed" | "retrying";
  attempt: number;
  startedAt?: number;
  endedAt?: number;
  /** Characters of the answer that have arrived in this attempt, and the last of them. */
  characters: number;
  tail: string;
  usage?: Usage;
  failure?: Failure;
};

/** Everything that is shown of a job at work: what its events make of it. */
export type JobPicture = {
  jobId: string;
  type: string;
  seq: number;
  status: JobStatus;
  title: string;
  startedAt?: number;
  progress?: Progress;
  steps: PicturedStep[];
  names: Record<string, string>;
  /** The step whose text came last. */
  speaking?: string;
  /** What it asks of people. */
  question?: { callbackId: string; text: string };
  usage: Usage;
};

export function newPicture(jobId: string): JobPicture {
  return { jobId, type: "", seq: 0, status: "pending", title: "", steps: [], names: {}, usage: noUsage };
}

const tailCharacters = 400;

/** The picture after one more event. */
export function applyToPicture(picture: JobPicture, news: EventView | DeltaView): JobPicture {
  if (news.kind === "delta") {
    const { step, text } = news as DeltaView;
    const said = withStep(picture, step, (was) => ({
      ...was,
      characters: was.characters + text.length,
      tail: (was.tail + text).slice(-tailCharacters),
    }));
    return { ...said, speaking: rowOf(picture, step) };
  }
  const event = fromWire(news as EventView);
  const next: JobPicture = { ...picture, seq: event.seq, status: statusAfter(event) ?? picture.status };
  if ("progress" in event && event.progress) next.progress = event.progress;
  const inherited = "inherited" in event && event.inherited;
  if ("usage" in event && event.usage && !inherited) next.usage = addUsage(next.usage, event.usage);
  switch (event.kind) {
    case "job.submitted": {
      const { type, title, at } = event;
      const input: Json = "json" in event.input ? event.input.json : {};
      const { expected, names } = lookOf(type);
      const begun = { ...next, type, title, startedAt: at, names: names?.(input) ?? {} };
      return { ...begun, steps: (expected?.(input) ?? []).map((row) => pictured(begun, row)) };
    }
    case "step.started":
      return event.steps.reduce(
        (all, { step, attempt }) =>
          withStep(all, step, ({ failure: _failure, endedAt: _endedAt, ...was }) => ({
            ...was,
            state: "working",
            attempt: Math.max(attempt, was.state === "retrying" ? was.attempt : 1),
            characters: 0,
            tail: "",
            startedAt: was.state === "retrying" ? was.startedAt : event.at,
          })),
        next,
      );
    case "step.completed":
      return withStep(next, event.step, (was) => ({
        ...was,
        state: "done",
        endedAt: event.at,
        ...(event.usage ? { usage: event.usage } : {}),
      }));
    case "step.failed":
      return withStep(next, event.step, (was) => ({
        ...was,
        state: event.retryAt === undefined ? "failed" : "retrying",
        endedAt: event.at,
        failure: event.failure,
      }));
    case "condition.checked":
      return withStep(next, event.step, (was) => ({ ...was, state: "retrying" }));
    case "wait.started":
      return withStep(next, event.step, (was) => ({ ...was, state: "waiting", startedAt: event.at }));
    case "callback.created": {
      const { step, callbackId, ask } = event;
      if (ask) next.question = { callbackId, text: ask.question };
      return withStep(next, step, (was) => ({ ...was, state: "waiting", startedAt: event.at }));
    }
    case "callback.completed":
    case "callback.expired":
      if (next.question?.callbackId === event.callbackId) delete next.question;
      return next;
    case "wait.ended":
      return withStep(next, event.step, (was) => ({ ...was, state: "done", endedAt: event.at }));
    default:
      return next;
  }
}

/** Where a type says that a step that is asked for again (`#2`) is the same seat to people, it is. */
function rowOf({ type }: Pick<JobPicture, "type">, step: string): string {
  return lookOf(type).oneRow ? step.replace(/#\d+$/, "") : step;
}

function pictured({ type, names }: JobPicture, row: string): PicturedStep {
  const slash = row.indexOf("/");
  const isHeading = lookOf(type).headings?.[row] !== undefined;
  const group = slash >= 0 ? row.slice(0, slash) : isHeading ? row : "";
  const name = names[row] ?? row.slice(slash + 1).replace(/^fallback:/, "");
  return { row, group, name, state: "expected", attempt: 1, characters: 0, tail: "" };
}

function withStep(
  picture: JobPicture,
  step: string,
  change: (step: PicturedStep) => PicturedStep,
): JobPicture {
  const row = rowOf(picture, step);
  const at = picture.steps.findIndex((known) => known.row === row);
  const changed = change(picture.steps[at] ?? pictured(picture, row));
  return { ...picture, steps: at < 0 ? [...picture.steps, changed] : picture.steps.with(at, changed) };
}
