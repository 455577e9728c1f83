import { createHash } from "node:crypto";
import { derivedId } from "../derived-id.ts";
import type { JobKey } from "../protocol/job.ts";

/** The same for every attempt of a step, different for every step of every job. */
export function idempotencyKey(job: JobKey, path: string): string {
  return createHash("sha256").update(`${job.tenant}\n${job.jobId}\n${path}`).digest("base64url");
}

/** Names its job, so that an answer finds it without a look-up. It is no secret: whoever answers is authenticated. */
export function callbackIdOf(job: JobKey, path: string): string {
  return `${job.jobId}.${createHash("sha256").update(path).digest("base64url").slice(0, 16)}`;
}

/** @returns undefined for what cannot be the id of a callback. */
export function jobOfCallback(callbackId: string): string | undefined {
  return /^([A-Za-z0-9_-]{1,64})\.[A-Za-z0-9_-]{16}$/.exec(callbackId)?.[1];
}

/** The job that an `invoke` at this path begins, whichever worker comes to it. */
export function childIdOf(job: JobKey, path: string): string {
  return derivedId(job.tenant, job.jobId, "invoke", path);
}

/** The job that carries this one on. */
export function continuationIdOf(job: JobKey): string {
  return derivedId(job.tenant, job.jobId, "continues");
}
