import type { Failure, JobStatus, Progress, Usage } from "../../core/protocol/job.ts";
import { addUsage, noUsage } from "../../core/protocol/job.ts";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import { statusAfter } from "../../core/protocol/message.ts";
import { type EventView, fromWire } from "../../core/protocol/wire.ts";
import type { DeltaView } from "../feed.ts";

export const stages = ["stage1", "stage2", "stage3"] as const;
export type Stage = (typeof stages)[number];

/** One model call of a council as a person sees it; a call that is tried again stays the same call. */
export type ModelCall = {
  stage: Stage;
  name: string;
  /** Tells calls apart, also where one model is asked twice. */
  row: string;
  state: "waiting" | "thinking" | "answered" | "failed" | "retrying";
  startedAt?: number;
  endedAt?: number;
  /** Characters of the answer that have arrived in this attempt. */
  characters: number;
  usage?: Usage;
  failure?: Failure;
};

/** What the result of a council says, as far as it is shown. */
export type CouncilResult = {
  stage3: { model: string; response: string; mock?: boolean; truncated?: boolean };
  metadata: {
    aggregate_rankings: { model: string; average_rank: number; rankings_count: number; votes?: number }[];
    agreement: number | null;
    failures?: { stage: string; model: string; message: string }[];
    note?: string;
  };
};

/** Everything that is shown of a council: what its events make of it. */
export type CouncilView = {
  jobId: string;
  seq: number;
  status: JobStatus;
  title: string;
  startedAt?: number;
  endedAt?: number;
  progress?: Progress;
  calls: ModelCall[];
  /** Known from the input, which names it: a step says only that it is the chairman's. */
  chairman: string;
  usage: Usage;
  mock: boolean;
  degraded: boolean;
  failure?: Failure;
  /** Undefined also when it is too large to come with its event. */
  result?: CouncilResult;
};

export function newCouncil(jobId: string): CouncilView {
  return {
    jobId,
    seq: 0,
    status: "pending",
    title: "",
    calls: [],
    chairman: "chairman",
    usage: noUsage,
    mock: false,
    degraded: false,
  };
}

/** The council after one more event. */
export function applyToCouncil(council: CouncilView, news: EventView | DeltaView): CouncilView {
  if (news.kind === "delta") {
    const { step, text } = news as DeltaView;
    return withCall(council, step, (call) => ({ ...call, characters: call.characters + text.length }));
  }
  const event = fromWire(news as EventView);
  const next: CouncilView = { ...council, seq: event.seq, status: statusAfter(event) ?? council.status };
  if ("progress" in event && event.progress) next.progress = event.progress;
  if ("usage" in event && event.usage) next.usage = addUsage(next.usage, event.usage);
  if ("degraded" in event && event.degraded) next.degraded = true;
  if ("mock" in event && event.mock) next.mock = true;
  switch (event.kind) {
    case "job.submitted": {
      const { members, chairman } = ("json" in event.input ? event.input.json : {}) as JsonObject;
      next.title = event.title;
      next.startedAt = event.at;
      next.calls = seats(members);
      if (typeof chairman === "string") next.chairman = chairman;
      return next;
    }
    case "step.started":
      return event.steps.reduce(
        (all, { step }) =>
          withCall(all, step, ({ failure: _failure, endedAt: _endedAt, ...call }) => ({
            ...call,
            state: "thinking",
            characters: 0,
            startedAt: call.state === "retrying" ? call.startedAt : event.at,
          })),
        next,
      );
    case "step.completed":
      return withCall(next, event.step, (call) => ({
        ...call,
        state: "answered",
        endedAt: event.at,
        ...(event.usage ? { usage: event.usage } : {}),
      }));
    case "step.failed":
      return withCall(next, event.step, (call) => ({
        ...call,
        state: event.retryAt === undefined ? "failed" : "retrying",
        endedAt: event.at,
        failure: event.failure,
      }));
    case "job.completed":
      next.endedAt = event.at;
      if ("json" in event.result) next.result = event.result.json as CouncilResult;
      return next;
    case "job.failed":
      next.endedAt = event.at;
      next.failure = event.failure;
      return next;
    case "job.cancelled":
      next.endedAt = event.at;
      return next;
    default:
      return next;
  }
}

/** The members wait from the beginning. Who ranks and who concludes is known when they begin. */
function seats(members: Json | undefined): ModelCall[] {
  if (!Array.isArray(members)) return [];
  const steps = new Map<string, number>();
  return members.map((member) => {
    const step = String(member).replace(/[^A-Za-z0-9_.:-]+/g, "-");
    const count = (steps.get(step) ?? 0) + 1;
    steps.set(step, count);
    const name = count === 1 ? step : `${step}-${count}`;
    return { stage: "stage1", name, row: `stage1/${name}`, state: "waiting", characters: 0 };
  });
}

function withCall(council: CouncilView, step: string, change: (call: ModelCall) => ModelCall): CouncilView {
  // A repeated call of one model is numbered (`#2`): to people it is the same seat.
  const row = step.replace(/#\d+$/, "");
  const [stage = "", ...rest] = row.split("/");
  if (!isStage(stage)) return council;
  const at = council.calls.findIndex((call) => call.row === row);
  const known: ModelCall = council.calls[at] ?? {
    stage,
    row,
    name: rest.join("/").replace(/^fallback:/, "") || council.chairman,
    state: "waiting",
    characters: 0,
  };
  const calls = at < 0 ? [...council.calls, change(known)] : council.calls.with(at, change(known));
  return { ...council, calls };
}

function isStage(name: string): name is Stage {
  return (stages as readonly string[]).includes(name);
}
