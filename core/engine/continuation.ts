import { store } from "../payloads/payloads.ts";
import { failureOf, InvalidRequest } from "../protocol/error.ts";
import { applyEntry, type Entry, type JobEvent } from "../protocol/event.ts";
import type { JobRecord } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import { remainder } from "./children.ts";
import type { HowItEnds } from "./how-it-ends.ts";
import { continuationIdOf } from "./ids.ts";
import type { Jobs } from "./job-type.ts";
import { parse } from "./parse.ts";
import { patiently } from "./patience.ts";

export type Submitted = JobEvent & { kind: "job.submitted" };

/**
 * The job that carries another one on: of the newest version of its type or of the one that it names, at its place in its conversation, for the same
 * parent, and with what is left of its tokens and dollars. Steps, hops and age are counted anew.
 */
export async function continuation(
  services: Pick<Services, "deployment" | "payloads" | "settings" | "now" | "newId" | "random" | "sleep">,
  jobs: Jobs,
  job: JobRecord,
  submitted: Submitted,
  { value: given, type = job.type }: { value: unknown; type?: string },
): Promise<HowItEnds> {
  const { deployment, payloads, settings, now, newId } = services;
  const { tenant, inConversation, parent, scheduleId } = job;
  const key = { tenant, jobId: continuationIdOf(job) };
  try {
    const jobType = jobs.latest(type);
    if (!jobType) throw new InvalidRequest(`No job type "${type}"`);
    const parsed = parse(jobType.input, given, ["input"]);
    const input = jobType.prepare?.(parsed, deployment) ?? parsed;
    const budget = remainder(job) ?? job.budget;
    const acknowledgement = inConversation?.background ? undefined : jobType.acknowledge?.(input);
    const place = inConversation && {
      ...inConversation,
      ...(acknowledgement === undefined ? {} : { background: true as const }),
    };
    const event: Submitted = {
      kind: "job.submitted",
      type: jobType.type,
      version: jobType.version,
      lane: job.lane,
      title: type === job.type ? job.title : jobType.title(input),
      description: jobType.description(input),
      tags: job.tags,
      input: await patiently(services, () => store(payloads, key, input, settings)),
      by: submitted.by,
      continues: job.jobId,
      ...(place ? { inConversation: place } : {}),
      ...(parent ? { parent } : {}),
      ...(scheduleId ? { scheduleId } : {}),
      ...(budget ? { budget: { ...job.budget, ...budget } } : {}),
    };
    const entry: Entry = { ...key, seq: 1, at: now(), by: submitted.by, token: newId(), events: [event] };
    const head = { ...applyEntry(undefined, entry), due: entry.at + settings.submitDueMs };
    const told = place && acknowledgement !== undefined ? { acknowledgement } : {};
    return { end: "continued", as: { entry, head }, ...told };
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    return { end: "failed", failure: failureOf(error) };
  }
}
