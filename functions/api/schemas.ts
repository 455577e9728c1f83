import * as z from "zod";
import { settings } from "../../core/config.ts";
import { batchInput } from "../../core/engine/batch-job.ts";
import { idPattern } from "../../core/keys/authenticate.ts";
import { scopes } from "../../core/keys/keys.ts";
import { jobStatuses, lanes } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import { overlapPolicies } from "../../core/schedules/schedule.ts";

/** Anything JSON can say. What it must be is up to the job type. */
export const json = z.custom<Json>().meta({ description: "Any JSON value" });
export const moment = z.string().meta({ format: "date-time", description: "ISO 8601, ends in Z" });
/** A moment as a caller gives it. */
const given = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const id = z.string().regex(idPattern);

/** A whole number in a query string. */
function whole(minimum: number, maximum: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, "Invalid input: expected a whole number")
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum))
    .meta({ override: { type: "integer", minimum, maximum, pattern: undefined } });
}

export function wholeOr(standard: number, minimum: number, maximum: number) {
  return whole(minimum, maximum)
    .default(standard)
    .meta({ override: { default: standard } });
}

export const idParams = z.object({ id });

const usage = z
  .object({
    model_calls: z.number(),
    input_tokens: z.number(),
    output_tokens: z.number(),
    cost_usd: z.number().optional().meta({ description: "Absent where a price is not known" }),
  })
  .meta({ id: "Usage" });

const failure = z
  .object({
    code: z.string(),
    name: z.string().optional().meta({ description: "The class of an error that has no code of its own" }),
    message: z.string(),
    retryable: z.boolean().optional(),
    step: z.string().optional(),
    attempt: z.number().optional(),
    details: json.optional(),
  })
  .meta({ id: "Failure", description: "Why something did not work" });

const explainedFailure = failure
  .extend({
    for_user: z.string().meta({ description: "What its code means to the person in front of it" }),
    for_developer: z.string().meta({ description: "What its code means to whoever has to mend it" }),
  })
  .meta({ id: "ExplainedFailure", description: "Why something did not work, and what to do about it" });

const progress = z
  .object({
    current_step: z.string(),
    total_steps: z.number(),
    completed_steps: z.number(),
    percentage: z.number().meta({ description: "0 to 100, never falling; 100 only at the end" }),
    details: z.string(),
    degraded: z
      .literal(true)
      .optional()
      .meta({ description: "Some step has answered with less than was asked for" }),
    operation: z
      .object({
        id: z.string().meta({ description: "Its provider's own" }),
        state: z.literal("pending"),
        polls: z.number(),
        elapsed_seconds: z.number(),
        eta_seconds: z.number().optional(),
        percentage: z.number().optional(),
      })
      .optional()
      .meta({ description: "What somebody else is doing for the job, as long as they do" }),
    timestamp: moment,
  })
  .meta({ id: "Progress" });

export const status = z.enum(jobStatuses).meta({ id: "JobStatus" });
const payloadRef = z.object({ key: z.string(), bytes: z.number(), sha256: z.string() });

const budget = z
  .strictObject({
    max_steps: z.int().positive().optional(),
    max_hops: z.int().positive().optional().meta({ description: "Passes of the job through the queue" }),
    max_age_seconds: z.int().positive().optional(),
    max_tokens: z.int().positive().optional().meta({ description: "Input and output of model calls" }),
    max_cost_usd: z.number().positive().optional(),
    on_exceeded: z.enum(["stop", "ask", "warn"]).optional().meta({
      description:
        "`stop` (default) fails the job, `ask` holds it until somebody raises the budget, `warn` goes on",
    }),
  })
  .meta({ id: "Budget", description: "Exceeded by at most what is in flight" });

const ask = z
  .object({
    question: z.string(),
    schema: z.record(z.string(), json).meta({ description: "JSON Schema of the answer" }),
    answerers: z.array(z.string()).optional().meta({ description: "Who may answer; without it everybody" }),
    default: json.optional().meta({ description: "Given when nobody has answered in time" }),
  })
  .meta({ id: "Ask", description: "A question to a person" });

const callback = z
  .object({
    id: z.string(),
    step: z.string(),
    created_at: moment,
    timeout_at: moment.nullable(),
    ask: ask.nullable(),
    child_job_id: z.string().nullable().meta({ description: "The job whose end is the answer" }),
    outcome: z.enum(["succeeded", "failed", "expired"]).nullable(),
  })
  .meta({ id: "Callback", description: "Something outside that the job waits for" });

const limitOr = <T extends z.ZodType>(limit: T) => limit.nullable().optional();

export const budgetChange = z
  .strictObject({
    max_steps: limitOr(z.int().positive()),
    max_hops: limitOr(z.int().positive()),
    max_age_seconds: limitOr(z.int().positive()),
    max_tokens: limitOr(z.int().positive()),
    max_cost_usd: limitOr(z.number().positive()),
    on_exceeded: limitOr(z.enum(["stop", "ask", "warn"])),
  })
  .refine((change) => Object.keys(change).length > 0, "Say which limit")
  .meta({ description: "What is absent stays as it is, null takes a limit away" });

export const budgetChanged = z.object({ job_id: z.string(), status, budget });

const callbackId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}$/)
  .meta({ description: "As the job function has given it away: it names its job" });

export const callbackParams = z.object({ callback_id: callbackId });
export const jobCallbackParams = z.object({ id, callback_id: callbackId });

export const answerBody = z
  .strictObject({
    result: json.optional(),
    error: z
      .strictObject({
        code: z
          .string()
          .regex(/^[A-Za-z0-9_.-]{1,64}$/)
          .default("callback_failed"),
        message: z.string().min(1).max(2_000),
      })
      .optional(),
  })
  .refine(({ result, error }) => (result === undefined) !== (error === undefined), {
    path: ["result"],
    message: "Needs `result` or `error`, one of them",
  });

export const decision = z
  .object({
    job_id: z.string(),
    callback_id: z.string(),
    step: z.string(),
    outcome: z.enum(["succeeded", "failed", "expired"]),
    decided_by: z.string(),
    decided_at: moment,
    seq: z.number().meta({ description: "Of the event that says so" }),
  })
  .meta({ id: "CallbackDecision", description: "The first one stands" });

export const heard = z.object({
  job_id: z.string(),
  callback_id: z.string(),
  heartbeat_by: moment.nullable().meta({ description: "When the next sign of life is overdue" }),
});

export const inboxQuery = z.strictObject({
  limit: wholeOr(50, 1, 100),
  cursor: z.string().max(1024).optional(),
});

export const inbox = z.object({
  questions: z.array(
    z
      .object({
        job_id: z.string(),
        job_type: z.string(),
        job_title: z.string(),
        callback_id: z.string(),
        step: z.string(),
        question: z.string(),
        schema: z.record(z.string(), json).meta({ description: "JSON Schema of the answer" }),
        default: json.optional().meta({ description: "Given when nobody has answered in time" }),
        asked_at: moment,
        deadline: moment.nullable(),
      })
      .meta({ id: "Question", description: "A question that the caller may answer" }),
  ),
  next_cursor: z.string().nullable(),
});

const summary = {
  id: z.string(),
  type: z.string(),
  version: z.number(),
  status,
  title: z.string(),
  description: z.string(),
  priority: z.enum(lanes),
  tags: z.array(z.string()),
  error_message: z.string().nullable(),
  error: explainedFailure.nullable(),
  progress: progress.nullable(),
  created_at: moment,
  started_at: moment.nullable(),
  completed_at: moment.nullable(),
  seq: z.number().meta({ description: "The last event that is part of this answer" }),
  usage,
  degraded: z.boolean().meta({ description: "Some step answered with less than was asked for" }),
  mock: z.boolean().meta({ description: "Some model call was answered by a mock model" }),
  cancel_requested: z.boolean(),
  blocked: z.object({ step: z.string(), message: z.string() }).nullable(),
  conversation_id: z.string().nullable(),
  run_at: moment.nullable(),
  depends_on: z.array(z.string()).meta({ description: "Jobs that have to end before this one begins" }),
  parent_job_id: z.string().nullable().meta({ description: "The job that waits for this one" }),
  fork_of: z.object({ job_id: z.string(), seq: z.number() }).nullable(),
  continued_as: z.string().nullable().meta({ description: "The job that carries this one on" }),
  schedule_id: z.string().nullable(),
  budget: budget.nullable(),
  budget_exceeded: z.object({ limit: z.string(), message: z.string() }).nullable(),
  paused: z.boolean(),
  callbacks: z.array(callback),
};

const jobSummary = z.object(summary).meta({ id: "JobSummary" });

const eta = z
  .object({
    seconds_low: z
      .number()
      .meta({ description: "One in ten of the jobs that it was learned from was faster" }),
    seconds: z.number(),
    seconds_high: z.number().meta({ description: "One in ten was slower" }),
    completes_at: moment,
    learned_from: z.object({
      jobs: z.number().meta({ description: "So many completed jobs of the type were examples" }),
      same_models: z.boolean().meta({ description: "Only such as were done by the same models" }),
    }),
  })
  .meta({ id: "Eta", description: "About how long the job goes on, the answers of people not counted" });

export const job = z
  .object({
    ...summary,
    eta: eta.nullable().meta({
      description: "Null where nothing is known, and for a job that has ended or waits for a person",
    }),
    input_data: json,
    input_ref: payloadRef.optional().meta({ description: "Instead of an input too large for an answer" }),
    result_data: json,
    result_ref: payloadRef.optional().meta({ description: "Instead of a result too large for an answer" }),
  })
  .meta({ id: "Job" });

export const jobPage = z.object({ jobs: z.array(jobSummary), next_cursor: z.string().nullable() });

export const jobsQuery = z.strictObject({
  status: z.enum(jobStatuses).optional(),
  type: z.string().max(64).optional(),
  tag: z.string().max(64).optional(),
  created_before: given.optional(),
  limit: wholeOr(50, 1, 100),
  cursor: z.string().max(1024).optional(),
});

const onBusy = z.enum(["enqueue", "reject", "interrupt"]).default("enqueue").meta({
  description:
    "While a job of the conversation is at work: wait for its end, be refused (409), or cancel it and take its place",
});

const uploaded = z
  .strictObject({
    bytes: z.int().min(1).max(settings.aws.payloadBytes),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, "Invalid input: expected 64 hexadecimal digits in lower case"),
  })
  .meta({ id: "Uploaded", description: "Size and SHA-256 of the JSON that was, or will be, uploaded" });

export const uploadBody = uploaded;

export const upload = z.object({
  method: z.literal("PUT"),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  expires_at: moment,
  input_ref: uploaded,
});

const longestSeconds = 10 * 365 * 86_400;

/** What a caller may say of any new job. */
const manner = {
  title: z.string().trim().min(1).max(200).optional(),
  priority: z.enum(lanes).optional(),
  tags: z.array(z.string().min(1).max(64)).max(20).optional(),
  budget: budget.optional(),
};

export const notify = z
  .strictObject({ url: z.string().max(2_000) })
  .optional()
  .meta({ description: "Is told when the job has ended, by a signed webhook: docs/jobs/router.md" });

export const submitBody = z.strictObject({
  type: z.string().max(64).meta({ description: "One of GET /api/job-types" }),
  input: z.unknown().optional().meta({ description: "As the job type's input_schema says" }),
  input_ref: uploaded.optional().meta({ description: "Instead of `input`: what was uploaded before" }),
  ...manner,
  run_at: given.optional().meta({ description: "It does not begin before this" }),
  delay_seconds: z.int().min(0).max(longestSeconds).optional().meta({ description: "Instead of `run_at`" }),
  start_by: given.optional().meta({
    description: "A job that has not begun by then fails with `expired_before_start`",
  }),
  start_within_seconds: z
    .int()
    .min(1)
    .max(longestSeconds)
    .optional()
    .meta({ description: "Instead of `start_by`" }),
  depends_on: z.array(id).max(40).optional().meta({
    description: "Jobs that have to end before this one begins",
  }),
  on_dependency_failure: z.enum(["fail", "skip", "continue"]).optional().meta({
    description:
      "When one of them does not complete: fail too (the default), end as cancelled, or begin all the same",
  }),
  cache: z
    .strictObject({
      ttl_seconds: z.int().min(1).max(longestSeconds).optional(),
      bypass: z.boolean().optional().meta({ description: "A new job, whose result counts from now on" }),
    })
    .optional()
    .meta({
      description:
        "A job of the same type, version and input that completed within `ttl_seconds`, or is at work, is the answer",
    }),
  single_flight: z.boolean().optional().meta({
    description: "A job of the same type, version and input that is at work is the answer",
  }),
  conversation_id: id.optional(),
  on_busy: onBusy,
  notify,
});

export const pauseBody = z.strictObject({ reason: z.string().max(500).optional() }).optional();

export const paused = z.object({ job_id: z.string(), status, paused: z.boolean() });

export const forkBody = z
  .strictObject({
    after_seq: z.int().min(1).max(999_999_999).optional().meta({
      description: "The last event that the fork looks back on; without it all of them",
    }),
    input: json.optional().meta({ description: "What is different, as a JSON merge patch (RFC 7396)" }),
    ...manner,
  })
  .optional();

export const batchBody = batchInput.extend(manner);

const bulk = {
  type: z.string().max(64).optional(),
  tag: z.string().min(1).max(64).optional(),
  created_before: given.optional(),
  ids: z.array(id).min(1).max(100).optional().meta({ description: "Instead of the other filters" }),
  limit: z.int().min(1).max(100).default(100).meta({ description: "So many jobs are looked at in one call" }),
  cursor: z.string().max(1024).optional().meta({ description: "`next_cursor` of the call before" }),
};

export const bulkCancelBody = z.strictObject({
  ...bulk,
  status: z.enum(["scheduled", "pending", "running", "waiting"]).optional(),
  reason: z.string().max(500).optional(),
});

export const bulkRetryBody = z.strictObject({
  ...bulk,
  status: z.enum(["failed", "cancelled"]).optional().meta({ description: "Without it failed ones" }),
});

const bulkAnswer = {
  count: z.number().meta({ description: "Jobs for which it was done" }),
  skipped: z
    .array(z.object({ job_id: z.string(), code: z.string(), message: z.string() }))
    .meta({ description: "Jobs for which it could not be done, and why" }),
  next_cursor: z
    .string()
    .nullable()
    .meta({ description: "There may be more: ask again with it as `cursor`" }),
};

export const bulkCancelled = z.object({ job_ids: z.array(z.string()), ...bulkAnswer });

export const bulkRetried = z.object({
  jobs: z.array(z.object({ job_id: z.string(), retry_of: z.string() })),
  ...bulkAnswer,
});

const watch = z
  .object({
    events: z.string().meta({ description: "Where to read and long-poll events" }),
    socket: z.object({
      url: z.string(),
      ticket: z
        .string()
        .meta({ description: "POST here for a ticket, if no Authorization header can be sent" }),
      message: z.object({ type: z.literal("watch"), job_id: z.string(), after: z.number() }),
    }),
  })
  .meta({ id: "Watch", description: "How to see what happens" });

const accepted = {
  job_id: z.string(),
  status,
  deduplicated: z.boolean().optional().meta({
    description: "The job is that of an earlier request, with the same key or for the same content",
  }),
  cached: z.boolean().optional().meta({ description: "The job has completed before: its result is there" }),
  conversation_id: z.string().optional(),
  message_number: z.number().optional(),
  queued_behind: z
    .array(z.string())
    .optional()
    .meta({ description: "The jobs of the conversation whose end this one waits for" }),
  watch,
};

export const acceptedJob = z.object(accepted).meta({ id: "AcceptedJob" });

export const cancelBody = z.strictObject({ reason: z.string().max(500).optional() }).optional();

export const cancelled = z.object({
  job_id: z.string(),
  status,
  cancel_requested: z.literal(true),
});

const event = z
  .looseObject({ seq: z.number(), at: moment, kind: z.string() })
  .meta({ id: "Event", description: "What happened; further fields depend on `kind`" });

export const eventsQuery = z.strictObject({
  after: wholeOr(0, 0, 999_999_999),
  limit: wholeOr(100, 1, 250),
  wait: wholeOr(0, 0, 20),
});

export const eventParams = z.object({ id, seq: whole(1, 999_999_999) });

export const journalQuery = z.strictObject({
  after: wholeOr(0, 0, 999_999_999),
  limit: wholeOr(100, 1, 250),
});

export const journal = z.object({
  entries: z.array(
    z
      .looseObject({ seq: z.number(), at: z.number(), events: z.array(z.looseObject({ kind: z.string() })) })
      .meta({ id: "Entry", description: "Events that were committed together, as they are stored" }),
  ),
  next_after: z.number().nullable().meta({ description: "Read on after this event; null at the end" }),
});

export const events = z.object({
  events: z.array(event),
  head: z.number().meta({ description: "The number of the last event in the journal" }),
  done: z.boolean().meta({ description: "The job has ended and nothing comes after these events" }),
});

const jsonSchema = z
  .record(z.string(), z.unknown())
  .meta({ description: "JSON Schema, draft 2020-12", override: { type: "object" } });

export const jobTypes = z.object({
  job_types: z.array(
    z
      .object({
        type: z.string(),
        version: z.number(),
        versions: z.array(z.number()).meta({
          description: "All that live here, newest first: a job goes on with the version it was submitted to",
        }),
        summary: z.string(),
        conversational: z.boolean().meta({ description: "Can answer messages of a conversation" }),
        input_schema: jsonSchema,
        result_schema: jsonSchema,
        example: json,
      })
      .meta({ id: "JobType" }),
  ),
});

export const ticket = z.object({
  ticket: z.string().meta({ description: "Opens one WebSocket, as the subprotocol `ticket.<ticket>`" }),
  url: z.string(),
  expires_at: moment,
});

export const currentKey = z.object({
  id: z.string(),
  tenant: z.string(),
  scopes: z.array(z.enum(scopes)),
  expires_at: moment.nullable(),
});

export const session = z.object({
  tenant: z.string(),
  name: z.string().meta({ description: "The id of the key, or the subject of the token" }),
  scopes: z.array(z.enum(scopes)),
  expires_at: moment.nullable(),
});

export const signedOut = z.object({ signed_out: z.literal(true) });

export const errorTexts = z.object({
  errors: z.array(
    z.object({
      code: z.string(),
      status: z.int().nullable().meta({ description: "Of answers to requests; null: a job's failure" }),
      title: z.string(),
      user: z.string().meta({ description: "For the person in front of it" }),
      developer: z.string().meta({ description: "For whoever has to do something about it" }),
    }),
  ),
});

export const health = z.object({ status: z.literal("ok") });

const processingState = z.enum(["idle", "active", "error"]).meta({
  id: "ProcessingState",
  description: "Ready for input; a job is at work in the background; the last job failed",
});

const conversationSummary = z
  .object({
    id: z.string(),
    title: z.string(),
    created_at: moment,
    updated_at: moment,
    message_count: z.number(),
    processing_state: processingState,
  })
  .meta({ id: "ConversationSummary" });

const message = z
  .looseObject({
    number: z.number(),
    role: z.enum(["user", "assistant"]),
    content: z.string(),
    job_id: z.string(),
    answers: z.number().nullable().meta({ description: "The number of the user's message that it answers" }),
    created_at: moment,
  })
  .meta({
    id: "Message",
    description:
      "An assistant's message also has the fields of its job's result: a council's are stage1, stage2, stage3 and metadata",
  });

export const conversation = z
  .object({
    ...conversationSummary.shape,
    active_job_id: z.string().nullable(),
    waiting_job_ids: z.array(z.string()),
    background_job_ids: z.array(z.string()).meta({
      description: "Jobs that the conversation does not wait for, and that will still say something in it",
    }),
    failed_job_id: z.string().nullable().meta({ description: "Set while processing_state is error" }),
    error: explainedFailure.nullable(),
    messages: z.array(message),
  })
  .meta({ id: "Conversation" });

export const conversationQuery = z.strictObject({
  after: whole(0, 999_999_999)
    .optional()
    .meta({ description: "Messages after this number; without it the last ones" }),
  limit: wholeOr(100, 1, 200),
});

export const pageQuery = z.strictObject({
  limit: wholeOr(50, 1, 100),
  cursor: z.string().max(1024).optional(),
});

export const conversationPage = z.object({
  conversations: z.array(conversationSummary),
  next_cursor: z.string().nullable(),
});

export const conversationBody = z
  .strictObject({ title: z.string().trim().min(1).max(200).optional() })
  .optional();

export const messageBody = z.strictObject({
  content: z.string().min(1).meta({ description: "What the user says" }),
  on_busy: onBusy,
  type: z.string().max(64).optional().meta({
    description: "The job type that answers; `router` picks one. Default: the deployment's, which is council",
  }),
  input: z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description: "Further fields of the job's input: members, chairman, ..." }),
  priority: z.enum(lanes).optional(),
  notify,
});

export const acceptedMessage = z
  .object({
    ...accepted,
    conversation_id: z.string(),
    message_number: z.number(),
    queued_behind: z.array(z.string()),
  })
  .meta({ id: "AcceptedMessage" });

const cron = z.string().max(100).meta({
  description: "Five fields, or six with seconds first",
  example: "0 7 * * MON-FRI",
});
const timezone = z
  .string()
  .max(64)
  .meta({ description: "A name of the IANA database, such as Europe/Paris" });
const endAt = z.iso.datetime({ offset: true }).meta({ description: "No moment comes after this one" });
const overlap = z.enum(overlapPolicies).meta({
  description:
    "While the job of the moment before has not ended: no job, a job that begins after it, a job in place of it, or a job beside it",
});
const scheduleName = z.string().trim().min(1).max(200);
const tags = z.array(z.string().min(1).max(64)).max(20);

export const scheduleBody = z.strictObject({
  name: scheduleName,
  type: z.string().max(64).meta({ description: "One of GET /api/job-types" }),
  input: json,
  cron,
  timezone: timezone.default("UTC"),
  end_at: endAt.optional(),
  overlap: overlap.default("skip"),
  priority: z.enum(lanes).default("normal"),
  tags: tags.default([]),
  budget: budget.optional(),
});

export const scheduleChange = z.strictObject({
  name: scheduleName.optional(),
  type: z.string().max(64).optional(),
  input: json.optional(),
  cron: cron.optional(),
  timezone: timezone.optional(),
  end_at: endAt.nullable().optional(),
  overlap: overlap.optional(),
  priority: z.enum(lanes).optional(),
  tags: tags.optional(),
  budget: budget.nullable().optional(),
});

export const schedule = z
  .object({
    id: z.string(),
    name: z.string(),
    type: z.string(),
    input: json,
    cron: z.string(),
    timezone: z.string(),
    end_at: moment.nullable(),
    overlap,
    paused: z.boolean(),
    priority: z.enum(lanes),
    tags: z.array(z.string()),
    budget: budget.nullable(),
    next_at: moment.nullable().meta({ description: "Null while it is paused, and when no moment is left" }),
    last_at: moment.nullable().meta({ description: "When the last job was submitted" }),
    last_job_id: z.string().nullable(),
    last_error: failure.nullable().meta({ description: "Why the latest moment gave no job" }),
    created_at: moment,
    updated_at: moment,
  })
  .meta({ id: "Schedule" });

export const nextMomentsQuery = z.strictObject({
  cron,
  timezone: timezone.default("UTC"),
  limit: wholeOr(5, 1, 20),
});

export const nextMoments = z
  .object({ moments: z.array(moment).meta({ description: "Fewer than were asked for when no more come" }) })
  .meta({ id: "NextMoments" });

export const schedulePage = z.object({ schedules: z.array(schedule), next_cursor: z.string().nullable() });

export const deletedSchedule = z.object({ id: z.string(), deleted: z.literal(true) });

export const ranSchedule = z.object({ job_id: z.string(), status, schedule_id: z.string() });

export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string().meta({ description: "For people" }),
    code: z.string().meta({ description: "For programs; never changes" }),
    request_id: z.string(),
    errors: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .optional()
      .meta({ description: "The faulty fields of a request" }),
  })
  .meta({ id: "Problem", description: "RFC 9457 problem details" });
