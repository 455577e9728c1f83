import { createHash } from "node:crypto";
import { derivedId } from "../derived-id.ts";
import { Conflict, failureOf, IdempotencyMismatch, NotFound, Unavailable } from "../protocol/error.ts";
import { type Failure, isTerminal, type JobRecord } from "../protocol/job.ts";
import { iso } from "../protocol/wire.ts";
import type { ScheduleDefinition, ScheduleKey, ScheduleRecord } from "../schedules/schedule.ts";
import type { Services } from "../services.ts";
import { cancel } from "./cancel.ts";
import { firstMoment, nextMoment } from "./cron.ts";
import type { Jobs } from "./job-type.ts";
import { parse } from "./parse.ts";
import { canonical, type SubmitRequest, type SubmitServices, submit, unknownType } from "./submit.ts";

type ScheduleServices = Pick<Services, "schedules" | "settings" | "now" | "newId">;
type FireServices = SubmitServices & Pick<Services, "schedules">;

/** @throws InvalidRequest that names the field of a schedule that could never give a job. */
function check(jobs: Jobs, { type, input }: Pick<ScheduleDefinition, "type" | "input">): void {
  const jobType = jobs.latest(type);
  if (!jobType) throw unknownType(type, jobs);
  parse(jobType.input, input, ["input"]);
}

/**
 * @param idempotencyKey - of any number of requests with one key there is one schedule.
 * @throws InvalidRequest, IdempotencyMismatch, Conflict when the tenant has as many schedules as it may have.
 */
export async function createSchedule(
  services: ScheduleServices,
  jobs: Jobs,
  who: { tenant: string; by: string },
  definition: ScheduleDefinition,
  idempotencyKey?: string,
): Promise<{ schedule: ScheduleRecord; deduplicated: boolean }> {
  const { schedules, settings, now, newId } = services;
  const { tenant, by } = who;
  check(jobs, definition);
  const at = now();
  const schedule: ScheduleRecord = {
    ...definition,
    tenant,
    id: idempotencyKey === undefined ? newId() : derivedId(tenant, "schedule", idempotencyKey),
    by,
    createdAt: at,
    updatedAt: at,
    paused: false,
    nextAt: firstMoment(definition, at),
    fingerprint: createHash("sha256").update(canonical(definition)).digest("base64url"),
    version: 1,
  };
  const created = await schedules.create(schedule, settings.maxSchedules);
  if (created === "created") return { schedule, deduplicated: false };
  if (created === "too many")
    throw new Conflict(`There are ${settings.maxSchedules} schedules already, which is the most`);
  const standing = await schedules.get(schedule);
  if (standing?.fingerprint !== schedule.fingerprint)
    throw new IdempotencyMismatch("This idempotency key was used before, for another schedule");
  return { schedule: standing, deduplicated: true };
}

/** What may be changed. A field that is there and undefined is taken away. */
export type ScheduleChange = Partial<ScheduleDefinition> & { paused?: boolean };

/**
 * Moments that passed while a schedule was paused are not made good.
 * @throws NotFound, InvalidRequest.
 */
export async function changeSchedule(
  services: Pick<Services, "schedules" | "now">,
  jobs: Jobs,
  key: ScheduleKey,
  change: ScheduleChange,
): Promise<ScheduleRecord> {
  const touches = (...fields: (keyof ScheduleChange)[]) => fields.some((field) => field in change);
  return update(services, key, (before) => {
    const now = services.now();
    const after = { ...before, ...change };
    if (touches("type", "input")) check(jobs, after);
    if (touches("cron", "timezone", "endAt")) firstMoment(after, now);
    if (touches("cron", "timezone", "endAt", "paused"))
      after.nextAt = after.paused ? undefined : nextMoment(after, now);
    return { ...after, updatedAt: now };
  });
}

type Fired = { job: JobRecord } | { skippedFor: JobRecord };

/**
 * Submits a schedule's job out of turn, paused or not.
 * @param idempotencyKey - of any number of requests with one key there is one job.
 * @throws NotFound; Conflict when the job before has not ended and the schedule says that it is to be skipped then.
 */
export async function runSchedule(
  services: FireServices,
  jobs: Jobs,
  key: ScheduleKey,
  idempotencyKey?: string,
): Promise<JobRecord> {
  const schedule = await found(services, key);
  const fired = await fire(services, jobs, schedule, ["run", idempotencyKey ?? services.newId()]);
  if ("skippedFor" in fired) throw new Conflict(overlapping(fired.skippedFor).message);
  await update(services, key, (before) => withJob(before, fired.job));
  return fired.job;
}

/**
 * Gives a moment that has come its job, and moves on to the next one that is yet to come: moments that passed while
 * nobody looked are made good by one job, not by one each. The job's id follows from the moment, and the schedule
 * moves on only from where it was found, so of any number of calls that die, repeat each other or run at once there is
 * one job.
 * @returns undefined when nothing is due.
 * @throws Unavailable: the moment is still due.
 */
export async function fireDue(
  services: FireServices,
  jobs: Jobs,
  key: ScheduleKey,
): Promise<(Fired | { failure: Failure }) | undefined> {
  const schedule = await services.schedules.get(key);
  const now = services.now();
  const moment = schedule?.nextAt;
  if (!schedule || moment === undefined || moment > now) return undefined;
  const fired = await fire(services, jobs, schedule, ["moment", iso(moment)]).catch((error: unknown) => {
    if (error instanceof Unavailable) throw error;
    // The next moment would meet the same, so this one must not stand before all that follow.
    return { failure: failureOf(error) };
  });
  // A job that an earlier call has made, and died, makes good no moment that came after it.
  const upTo = "job" in fired ? Math.max(moment, fired.job.createdAt) : now;
  await update(services, key, (before) => {
    const after =
      "job" in fired
        ? withJob(before, fired.job)
        : { ...before, lastFailure: "failure" in fired ? fired.failure : overlapping(fired.skippedFor) };
    // Another sweep, or its owner, may have moved it on meanwhile.
    return before.nextAt === moment ? { ...after, nextAt: nextMoment(before, upTo) } : after;
  });
  return fired;
}

/** Several may be told at once, in any order: the newest job is the one that the next moment asks about. */
function withJob(before: ScheduleRecord, { jobId, createdAt }: JobRecord): ScheduleRecord {
  if (before.lastAt !== undefined && before.lastAt >= createdAt) return before;
  return { ...before, lastAt: createdAt, lastJobId: jobId, lastFailure: undefined };
}

function overlapping({ jobId, status }: JobRecord): Failure {
  return { code: "conflict", message: `Job ${jobId} of the moment before has not ended: it is ${status}` };
}

async function fire(
  services: FireServices,
  jobs: Jobs,
  schedule: ScheduleRecord,
  occasion: string[],
): Promise<Fired> {
  const { journal } = services;
  const { tenant, id, by, overlap, lastJobId } = schedule;
  const jobId = derivedId(tenant, "schedule", id, ...occasion);
  const last = lastJobId === undefined ? undefined : await journal.head({ tenant, jobId: lastJobId });
  const open = last && last.jobId !== jobId && !isTerminal(last.status) ? last : undefined;
  const job = await journal.head({ tenant, jobId }).then((standing) => {
    // Whoever submitted it has died, or was called twice.
    if (standing) return standing;
    return open && overlap === "skip" ? undefined : submitOnce();
  });
  if (!job) return { skippedFor: open! };
  // Its successor is durable by now, so nothing is cancelled for nothing.
  if (open && overlap === "cancel_previous") await cancel(services, open, by, "the next moment has come");
  return { job };

  async function submitOnce(): Promise<JobRecord> {
    const { type, input, priority, tags, budget } = schedule;
    const after = open && overlap === "queue" ? [open.jobId] : [];
    const request: SubmitRequest = {
      ...{ type, input, priority, tags, budget, jobId, scheduleId: id },
      dependsOn: after,
      onDependencyFailure: "continue",
    };
    try {
      return (await submit(services, jobs, { tenant, by }, request)).job;
    } catch (error) {
      const standing = error instanceof Conflict ? await journal.head({ tenant, jobId }) : undefined;
      if (!standing) throw error;
      return standing;
    }
  }
}

async function found({ schedules }: Pick<Services, "schedules">, key: ScheduleKey): Promise<ScheduleRecord> {
  const schedule = await schedules.get(key);
  if (!schedule) throw new NotFound(`No schedule "${key.id}"`);
  return schedule;
}

const tries = 10;

/** @param decide - asked again when somebody else has changed the schedule. What it leaves as it is is not written. */
async function update(
  services: Pick<Services, "schedules">,
  key: ScheduleKey,
  decide: (before: ScheduleRecord) => ScheduleRecord,
): Promise<ScheduleRecord> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const before = await found(services, key);
    const decided = decide(before);
    if (decided === before) return before;
    const after = { ...decided, version: before.version + 1 };
    if (await services.schedules.update(after)) return after;
  }
  throw new Unavailable(`Schedule ${key.id} changes too often`);
}
