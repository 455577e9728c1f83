import * as z from "zod";
import { completeCallback, type Decision } from "../../core/engine/callback.ts";
import { callbackIdOf } from "../../core/engine/ids.ts";
import { currentJob, readJob } from "../../core/engine/job-reading.ts";
import { wholeJournal } from "../../core/engine/whole-journal.ts";
import { load } from "../../core/payloads/payloads.ts";
import { Conflict, NotFound } from "../../core/protocol/error.ts";
import { recorded } from "../../core/protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord, type OpenCallback } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import { iso, type JobView } from "../../core/protocol/wire.ts";
import { depthOf } from "../../jobs/maieutic/depths.ts";
import {
  answerForm,
  answerPath,
  maieuticInput,
  maieuticResult,
  offerForm,
  offerPath,
  sessionSoFar,
  turnOfAnswer,
} from "../../jobs/maieutic/session.ts";
import { accept } from "./accept.ts";
import { decisionView } from "./callback-routes.ts";
import { jobKey } from "./job-key.ts";
import { type AnyRoute, type Door, route } from "./route.ts";
import * as schemas from "./schemas.ts";

const type = "maieutic";
const noDialogue = (id: string) => new NotFound(`No dialogue "${id}"`);

const openQuestion = z
  .object({
    kind: z.enum(["question", "offer"]).meta({ description: "`offer`: shall a projection be made?" }),
    turn: z.number().nullable().meta({ description: "From 1; null for an offer" }),
    depth_level: z.number().nullable(),
    question: z.string(),
    schema: z.record(z.string(), schemas.json).meta({ description: "JSON Schema of the answer" }),
    callback_id: z.string(),
    asked_at: schemas.moment,
    deadline: schemas.moment.nullable().meta({ description: "Without an answer the dialogue ends here" }),
  })
  .meta({ id: "OpenQuestion", description: "What the dialogue waits for" });

const asking = {
  id: z.string(),
  status: schemas.status,
  question: openQuestion.nullable().meta({ description: "Null while nothing is asked" }),
};

const session = z
  .object({
    ...maieuticResult.shape,
    ...asking,
    progress: schemas.job.shape.progress,
    error: schemas.job.shape.error,
    degraded: z.boolean(),
    mock: z.boolean(),
  })
  .meta({ id: "MaieuticSession" });

const answerBody = z
  .strictObject({
    answer: answerForm.shape.answer.optional(),
    turn: z.int().min(1).max(20).optional().meta({
      description: "Which question is answered. With it an answer may be sent twice and counts once",
    }),
    accept: offerForm.shape.accept.optional().meta({ description: "Whether a projection shall be made" }),
    persona: offerForm.shape.persona,
    namespace: offerForm.shape.namespace,
    style: offerForm.shape.style,
  })
  .refine(({ answer, accept }) => (answer === undefined) !== (accept === undefined), {
    path: ["answer"],
    message: "Needs `answer` or `accept`, one of them",
  })
  .meta({ id: "MaieuticAnswer" });

const questionQuery = z.strictObject({ wait: schemas.wholeOr(0, 0, 20) });

function openIn(job: JobRecord): OpenCallback | undefined {
  return job.callbacks?.find(({ ask, decided }) => ask && !decided);
}

function questionOf(job: JobRecord): z.infer<typeof openQuestion> | null {
  const open = openIn(job);
  if (!open) return null;
  const turn = turnOfAnswer(open.step);
  return {
    kind: turn === undefined ? "offer" : "question",
    turn: turn ?? null,
    depth_level: turn === undefined ? null : depthOf(turn - 1),
    question: open.ask!.question,
    schema: open.ask!.schema,
    callback_id: open.id,
    asked_at: iso(open.createdAt),
    deadline: open.timeoutAt === undefined ? null : iso(open.timeoutAt),
  };
}

/** The dialogue that a path names. */
async function dialogue({ services }: Door, key: JobKey): Promise<JobRecord> {
  const job = await currentJob(services, key);
  if (job?.type !== type) throw noDialogue(key.jobId);
  return job;
}

const pauseMs = 250;

/** The same, once it asks something, or has ended, or the time is up. */
async function onceItAsks(door: Door, key: JobKey, waitSeconds: number): Promise<JobRecord> {
  for (let leftMs = waitSeconds * 1000; ; leftMs -= pauseMs) {
    const job = await dialogue(door, key);
    if (openIn(job) || isTerminal(job.status) || leftMs <= 0) return job;
    await door.services.sleep(pauseMs);
  }
}

async function sessionOf(
  { services }: Door,
  job: JobRecord,
  view: JobView,
): Promise<z.infer<typeof session>> {
  const { status, progress, error, degraded, mock } = view;
  const about = { status, progress, error, degraded, mock, question: questionOf(job) };
  const result = maieuticResult.safeParse(view.result_data);
  if (result.success) return { ...result.data, ...about };
  const { entries } = await wholeJournal(services, job);
  const steps = new Map<string, Json>();
  for (const event of entries.flatMap(recorded)) {
    if (event.kind === "step.completed") steps.set(event.step, await load(services.payloads, event.result));
  }
  return { ...sessionSoFar(job, maieuticInput.parse(view.input_data), steps), ...about };
}

/** Dialogues that ask until something is understood. */
export const maieuticRoutes: AnyRoute[] = [
  route({
    method: "post",
    path: "/api/maieutic/start",
    summary: "Begins a Socratic dialogue about a narrative",
    access: "jobs:write",
    body: maieuticInput,
    idempotent: true,
    answer: { status: 202, description: "A job of type maieutic", schema: schemas.acceptedJob },
    handle: async (call, door) => {
      return accept(call, door, { type, input: call.body });
    },
  }),

  route({
    method: "get",
    path: "/api/maieutic/{id}",
    summary: "Reads a dialogue",
    access: "jobs:read",
    params: schemas.idParams,
    answer: { status: 200, description: "The dialogue, as far as it is", schema: session },
    handle: async (call, door) => {
      const key = jobKey(call);
      const job = await dialogue(door, key);
      const view = await readJob(door.services, key);
      if (!view) throw noDialogue(key.jobId);
      return sessionOf(door, job, view);
    },
  }),

  route({
    method: "post",
    path: "/api/maieutic/{id}/question",
    summary: "Gives the question that is open; with `wait` as a long poll of so many seconds",
    access: "jobs:read",
    params: schemas.idParams,
    query: questionQuery,
    answer: { status: 200, description: "The question, if there is one", schema: z.object(asking) },
    handle: async (call, door) => {
      const job = await onceItAsks(door, jobKey(call), call.query.wait);
      return { id: job.jobId, status: job.status, question: questionOf(job) };
    },
  }),

  route({
    method: "post",
    path: "/api/maieutic/{id}/answer",
    summary: "Answers the open question, or takes or leaves the offered projection",
    access: "jobs:approve",
    params: schemas.idParams,
    body: answerBody,
    answer: {
      status: 200,
      description: "The answer that stands; 409 if it is another one, or nothing is asked",
      schema: schemas.decision,
    },
    handle: async (call, door) => {
      const { turn, answer, ...offer } = call.body;
      const job = await dialogue(door, jobKey(call));
      const open = openIn(job);
      const path = answer === undefined ? offerPath : turn === undefined ? open?.step : answerPath(turn);
      const nothing = () =>
        new Conflict(`Dialogue "${job.jobId}" does not ask for that`, {
          details: { job_status: job.status, asks: open?.step ?? null },
        });
      if (path === undefined || (answer !== undefined && turnOfAnswer(path) === undefined)) throw nothing();
      const result = answer === undefined ? offer : { answer };
      return decisionView(await decided(door, job, path, result as Json, call.principal.id, nothing));
    },
  }),
];

async function decided(
  { services }: Door,
  job: JobRecord,
  path: string,
  result: Json,
  by: string,
  nothing: () => Conflict,
): Promise<Decision> {
  try {
    return await completeCallback(services, job, callbackIdOf(job, path), { result }, by);
  } catch (error) {
    if (error instanceof NotFound) throw nothing();
    throw error;
  }
}
