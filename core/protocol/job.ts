import type { Json, JsonObject, Millis } from "./json.ts";

/** Where a job lives: a tenant's jobs share nothing with another tenant's, so no key is complete without both. */
export type JobKey = { tenant: string; jobId: string };

export const lanes = ["high", "normal", "low"] as const;
/** A priority is a queue of its own, with its own share of the workers. */
export type Lane = (typeof lanes)[number];

export function eachLane<T>(what: (lane: Lane) => T): Record<Lane, T> {
  return Object.fromEntries(lanes.map((lane) => [lane, what(lane)])) as Record<Lane, T>;
}

export const jobStatuses = [
  "scheduled",
  "pending",
  "running",
  "waiting",
  "completed",
  "failed",
  "cancelled",
] as const;
export type JobStatus = (typeof jobStatuses)[number];

export function isTerminal(status: JobStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

/** What a person sees of a running job. The same words in the journal and on the wire. */
export type Progress = {
  current_step: string;
  total_steps: number;
  completed_steps: number;
  /** 0 to 100, never falling; 100 only when the job has completed. */
  percentage: number;
  details: string;
  /** Set by the engine once a step has answered with less than was asked for. */
  degraded?: true;
  /** What somebody else is doing for the job. Absent when there is nothing, or nothing any more. */
  operation?: OperationProgress;
};

/** How something stands that somebody else does. */
export type OperationProgress = {
  /** The provider's own. */
  id: string;
  state: "pending";
  /** How often its provider has been asked. */
  polls: number;
  elapsed_seconds: number;
  /** About so long to go. Absent where nobody knows. */
  eta_seconds?: number;
  /** As its provider says. */
  percentage?: number;
};

/** What model calls consumed. `cost_usd` is absent where no price is known, never a guessed zero. */
export type Usage = {
  model_calls: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd?: number;
};

export const noUsage: Usage = { model_calls: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0 };

/** One unknown price makes the sum unknown: a sum that leaves something out would read as a promise. */
export function addUsage(a: Usage, b: Usage): Usage {
  const cost = a.cost_usd === undefined || b.cost_usd === undefined ? undefined : a.cost_usd + b.cost_usd;
  return {
    model_calls: a.model_calls + b.model_calls,
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    ...(cost === undefined ? {} : { cost_usd: cost }),
  };
}

/** Why something did not work, as the journal keeps it and a client reads it. Never holds a stack or a secret. */
export type Failure = {
  /** Stable, for programs: `model_unavailable`, `quorum_not_reached`, ... */
  code: string;
  /** Of an error without a code of its own: the name of its class, e.g. `TypeError`. */
  name?: string;
  /** For people. */
  message: string;
  retryable?: boolean;
  step?: string;
  attempt?: number;
  /** Provider status, limits that were hit, failed members: whatever helps to find the cause. */
  details?: Json;
};

/** A job that waits for another one: `callback_id` is what the other's end answers. `depth` counts from 1. */
export type Parent = { job_id: string; callback_id: string; depth: number };

/** A value too large for the journal, kept in the payload store. */
export type PayloadRef = { key: string; bytes: number; sha256: string };

/** A value in the journal: in place, or by reference when it is larger than the inline limit. */
export type Stored = { json: Json } | { ref: PayloadRef };

/** The part of a job that its conversation needs to know. */
export type InConversation = {
  conversationId: string;
  /** The position of the user's message, from 1. */
  message: number;
  /** The conversation does not wait for it. */
  background?: true;
};

/** What a job may consume. Checked before each step, so it is exceeded by at most what is in flight. */
export type Budget = {
  max_steps?: number;
  max_hops?: number;
  max_age_seconds?: number;
  max_tokens?: number;
  max_cost_usd?: number;
  /** `stop` fails the job, `ask` holds it until somebody raises the budget or cancels, `warn` records it and goes on. */
  on_exceeded?: "stop" | "ask" | "warn";
};

export type BudgetLimit = Exclude<keyof Budget, "on_exceeded">;

/** The jobs that have to end before this one begins, and what becomes of it when one of them does not complete. */
export type Dependencies = { job_ids: string[]; on_failure: "fail" | "skip" | "continue" };

/** A question to a person: the form is a JSON Schema of the answer. */
export type Ask = {
  question: string;
  schema: JsonObject;
  /** Ids of the keys or users who may answer; without it everybody who may write jobs of the tenant. */
  answerers?: string[];
  /** Given when nobody has answered by the deadline. Without it the job is told that the time is up. */
  default?: Json;
};

/** Something outside that a job waits for, from `callback.created` until the job has been given the outcome. */
export type OpenCallback = {
  id: string;
  step: string;
  createdAt: Millis;
  timeoutAt?: Millis;
  heartbeatSeconds?: number;
  /** When the next sign of life is overdue. */
  heartbeatBy?: Millis;
  ask?: Ask;
  remindAt?: Millis;
  /** The child job whose end is the answer. */
  childJobId?: string;
  /** The first decision stands. Its value is in the event. */
  decided?: { outcome: "succeeded" | "failed" | "expired"; by: string; at: Millis; seq: number };
};

/**
 * The job record: the fold of its journal (`apply` in event.ts), stored as HEAD so that reading and listing are
 * cheap. `lease` and `due` are the only fields that are not in any event: the first saves money, the second tells
 * the sweeper when to look.
 */
export type JobRecord = JobKey & {
  type: string;
  version: number;
  lane: Lane;
  status: JobStatus;
  title: string;
  description: string;
  tags: string[];
  createdAt: Millis;
  startedAt?: Millis;
  completedAt?: Millis;
  /** The last event folded in. */
  seq: number;
  progress?: Progress;
  progressAt?: Millis;
  usage: Usage;
  /** True once any step answered with less than was asked for, e.g. by a fallback to the mock model. */
  degraded: boolean;
  /** True once any model call was answered by the mock models. */
  mock: boolean;
  failure?: Failure;
  cancelRequested?: { by: string; at: Millis };
  /** Set while the code at hand does not fit the journal: nothing runs until it does. */
  blocked?: { step: string; message: string };
  /** The entry whose terminal event holds the result. */
  resultSeq?: number;
  inConversation?: InConversation;
  /** It does not begin before this moment. */
  runAt?: Millis;
  /** It is not worth beginning after this moment. */
  startBy?: Millis;
  dependencies?: Dependencies;
  /** The job whose journal, up to an event, this one began with. */
  forkOf?: { job_id: string; seq: number };
  /** The job that waits for this one, and where. */
  parent?: Parent;
  /** The job that this one carries on, and the one that carries on this one. */
  continues?: string;
  continuedAs?: string;
  scheduleId?: string;
  budget?: Budget;
  /** Set while a limit of the budget is exceeded and nobody has raised it. */
  budgetExceeded?: { limit: BudgetLimit; message: string };
  paused?: { by: string; at: Millis };
  /** What it waits for from outside. Absent when there is nothing. */
  callbacks?: OpenCallback[];
  /** Steps that have begun (a retry is not another step). */
  steps: number;
  /** Claims so far: every one is a hop through the queue. */
  hops: number;
  /** Claims in a row after which nothing was recorded: a job that kills its workers, or a step that takes too long. */
  stalls: number;
  lease?: { by: string; until: Millis };
  /** When the sweeper must look if nothing else has happened. Absent only when the job has ended. */
  due?: Millis;
};
