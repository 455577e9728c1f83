import type * as z from "zod";
import type { Deployment } from "../models/deployment.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import type { JobContext } from "./context.ts";

/** What a job function may use besides its context. Anything that it does with these belongs into a step. */
export type JobServices = Pick<
  Services,
  | "conversations"
  | "configuration"
  | "journal"
  | "payloads"
  | "operations"
  | "webhooks"
  | "signing"
  | "apiUrl"
  | "settings"
  | "now"
>;

/**
 * What has to be called off outside when a job does not complete.
 * @param resultOf - what a step has given, if it has completed.
 * @returns the job that does it, or undefined when there is nothing to do.
 */
export type CallOff = (
  resultOf: (step: string) => Promise<Json | undefined>,
) => Promise<{ type: string; input: JsonObject } | undefined>;

/** How many jobs of a type may be at work at the same time. Jobs that wait for time or people count for nothing. */
export type Concurrency<I> = {
  limit: number;
  per: "tenant" | "deployment";
  /** Jobs with different keys do not count together, e.g. the repository that each works on. */
  key?(input: I): string;
};

/**
 * One kind of work.
 *
 * `run` is replayed: it must take the same way whenever it is given the same results, so time, chance and the
 * outside world reach it through `ctx` only. Raise `version` when a change would make it take another way, and keep
 * the old one for the jobs that began with it.
 */
export type JobType<I = unknown, R = unknown> = {
  type: string;
  version: number;
  /** One sentence for people who choose a job type. */
  summary: string;
  input: z.ZodType<I>;
  result: z.ZodType<R>;
  example: NoInfer<I>;
  /** Without it any number of jobs may be at work at the same time. */
  concurrency?: Concurrency<I>;
  /**
   * Fills in what the deployment decides. Called once, at submit, so that a later deployment changes nothing for a
   * job that has begun.
   */
  prepare?(input: I, deployment: Deployment): I;
  /** Human-readable, for lists. */
  title(input: I): string;
  /** What the job is about, e.g. the beginning of its text. */
  description(input: I): string;
  run(ctx: JobContext, input: I, services: JobServices): Promise<R>;
  /** Asked when a job is cancelled or fails, without its function being run. */
  callOff?: CallOff;
  /** How the result reads as an assistant's message, for job types that can answer in a conversation. */
  reply?(result: R): { content: string; data: JsonObject; title?: string };
  /** The field of the input that is the user's message. Without it `question`, for types that reply. */
  message?: string & keyof I;
  /**
   * For types whose jobs take long: what the conversation is told at once. It does not wait for such a job, whose answer
   * comes when it comes.
   */
  acknowledge?(input: I): string;
};

// A registry holds types of many inputs; each is given only what its own schema has parsed.
// biome-ignore lint/suspicious/noExplicitAny: input and result are checked by the type's own schemas
export type AnyJobType = JobType<any, any>;

/** All job types of a deployment, by name. Several versions of one type may live side by side. */
export type Jobs = {
  all: AnyJobType[];
  /** The newest version. */
  latest(type: string): AnyJobType | undefined;
  version(type: string, version: number): AnyJobType | undefined;
};

export function defineJob<I, R>(jobType: JobType<I, R>): JobType<I, R> {
  return jobType;
}
