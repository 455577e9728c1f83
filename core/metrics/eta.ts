import { inParallel } from "../in-parallel.ts";
import { Unavailable } from "../protocol/error.ts";
import { type Recorded, recorded } from "../protocol/event.ts";
import { isTerminal, type JobRecord } from "../protocol/job.ts";
import type { Json, Millis } from "../protocol/json.ts";
import { type Eta, iso, type JobView } from "../protocol/wire.ts";
import type { Services } from "../services.ts";
import { quantile } from "./times.ts";

/** So many of the newest completed jobs of a type are learned from, unless they are longer than so many entries. */
const mostJobs = 20;
const mostEntries = 500;
const readersAtATime = 10;
/** Of fewer nobody can say what is usual. */
const fewestJobs = 3;
/** So long nobody looks for newer ones. */
const keptMs = 60_000;
const mostKept = 200;

/** How far a job had come, and how long it had been at work by then. */
type Mark = { percentage: number; workedMs: Millis };

/** What a job that has completed tells about those that come after it. */
type Past = { jobId: string; models: string; marks: Mark[]; workedMs: Millis };

type EtaServices = Pick<Services, "journal" | "now">;
type History = { at: Millis; pasts: Promise<Past[]> };

const histories = new WeakMap<EtaServices["journal"], Map<string, History>>();

/**
 * How long a job will go on: as long as the jobs of its type did that have completed, from the place on that it has
 * reached, less the time that it has been there. Jobs with the same models are asked first. So the range narrows with
 * every step that finishes, and whoever has been faster than this job is no example any more.
 *
 * The time that people take to answer counts for nothing: neither in those jobs, nor in what is said of this one.
 * @returns null for a job that has ended, that waits for a person or its moment, or of which nothing can be known.
 */
export async function etaOf(services: EtaServices, tenant: string, job: JobView): Promise<Eta | null> {
  if (!isAtWork(job)) return null;
  const pasts = await historyOf(services, tenant, job).catch(nothingIfSilent);
  const models = modelsIn(job.input_data);
  const akin = pasts.filter((past) => past.models === models);
  const sameModels = akin.length >= fewestJobs;
  const examples = sameModels ? akin : pasts;
  if (examples.length < fewestJobs) return null;

  const now = services.now();
  const { percentage = 0, timestamp = job.started_at } = job.progress ?? {};
  const hereMs = job.started_at === null || timestamp === null ? 0 : now - Date.parse(timestamp);
  const left = examples.flatMap(({ marks, workedMs }) => {
    const here = marks.find((mark) => mark.percentage >= percentage);
    const ms = here && workedMs - here.workedMs - hereMs;
    return ms !== undefined && ms > 0 ? [ms] : [];
  });
  if (left.length === 0) return null;
  const seconds = left.map((ms) => ms / 1000).sort((a, b) => a - b);
  const likely = Math.ceil(quantile(seconds, 0.5));
  return {
    seconds_low: Math.floor(quantile(seconds, 0.1)),
    seconds: likely,
    seconds_high: Math.ceil(quantile(seconds, 0.9)),
    completes_at: iso(now + likely * 1000),
    learned_from: { jobs: left.length, same_models: sameModels },
  };
}

/** A job can be read without it. */
function nothingIfSilent(error: unknown): Past[] {
  if (error instanceof Unavailable) return [];
  throw error;
}

/** Or about to be. When it will go on otherwise is for others to say. */
function isAtWork({ status, paused, blocked, budget_exceeded, callbacks }: JobView): boolean {
  if (isTerminal(status) || status === "scheduled" || paused || blocked || budget_exceeded) return false;
  return status !== "waiting" || !callbacks.some(({ ask, outcome }) => ask && !outcome);
}

function historyOf(services: EtaServices, tenant: string, job: JobView): Promise<Past[]> {
  const { journal, now } = services;
  const kept = histories.get(journal) ?? new Map<string, History>();
  histories.set(journal, kept);
  const key = JSON.stringify([tenant, job.type, job.version]);
  const known = kept.get(key);
  if (known && now() - known.at < keptMs) return known.pasts;
  if (kept.size >= mostKept) kept.clear();
  const pasts = learn(services, tenant, job, known?.pasts);
  kept.set(key, { at: now(), pasts });
  pasts.catch(() => kept.delete(key));
  return pasts;
}

/** What has completed never changes, so only newer ones are read. */
async function learn(
  { journal }: EtaServices,
  tenant: string,
  { type, version }: JobView,
  before: Promise<Past[]> | undefined,
): Promise<Past[]> {
  const filter = { type, status: "completed" as const, limit: mostJobs };
  const [{ jobs }, known] = await Promise.all([journal.list(tenant, filter), before]);
  const whole = jobs.filter((job) => job.version === version && !job.forkOf && !job.continuedAs);
  const pasts = await inParallel(whole, readersAtATime, async (job) => {
    const past = known?.find(({ jobId }) => jobId === job.jobId);
    if (past) return past;
    const { entries, more } = await journal.read(job, 0, mostEntries);
    return more ? undefined : pastOf(job, entries.flatMap(recorded));
  });
  return pasts.filter((past) => past !== undefined);
}

function pastOf({ jobId, startedAt, completedAt }: JobRecord, events: Recorded[]): Past | undefined {
  const [first] = events;
  if (first?.kind !== "job.submitted" || startedAt === undefined || completedAt === undefined)
    return undefined;
  const marks: Mark[] = [{ percentage: 0, workedMs: 0 }];
  const questions = new Set<string>();
  let releasedAt: Millis | undefined;
  let withPeopleMs = 0;
  for (const event of events) {
    if (event.kind === "callback.created" && event.ask) questions.add(event.callbackId);
    if (event.kind === "job.released") releasedAt = event.at;
    if (event.kind === "job.claimed") releasedAt = undefined;
    if (releasedAt !== undefined && isUpToPeople(event, questions)) {
      withPeopleMs += event.at - releasedAt;
      releasedAt = undefined;
    }
    const percentage = "progress" in event ? event.progress?.percentage : undefined;
    if (percentage !== undefined && event.at >= startedAt && percentage > marks.at(-1)!.percentage)
      marks.push({ percentage, workedMs: event.at - startedAt - withPeopleMs });
  }
  const models = "json" in first.input ? modelsIn(first.input.json) : "";
  return { jobId, models, marks, workedMs: completedAt - startedAt - withPeopleMs };
}

/** What a job that nobody worked on had waited for. */
function isUpToPeople(event: Recorded, questions: Set<string>): boolean {
  if (event.kind === "callback.completed" || event.kind === "callback.expired")
    return questions.has(event.callbackId);
  return event.kind === "job.resumed" || event.kind === "job.budget_changed";
}

const modelName = /^(bedrock|openai|anthropic|google|mock):\S+$/;

/** Who does the work is fixed at the submit, and stands in the input. */
function modelsIn(input: Json): string {
  const found = new Set<string>();
  const look = (value: Json): void => {
    if (typeof value === "string" && modelName.test(value)) found.add(value);
    else if (typeof value === "object" && value !== null) for (const one of Object.values(value)) look(one);
  };
  look(input);
  return [...found].sort().join(" ");
}
