import type { Schema } from "../ui/schema.ts";

const budget: Schema = {
  type: "object",
  description: "Exceeded by at most what is in flight",
  properties: {
    max_cost_usd: { type: "number", minimum: 0, title: "Dollars" },
    max_tokens: { type: "integer", minimum: 1, title: "Tokens" },
    max_steps: { type: "integer", minimum: 1, title: "Steps" },
    max_age_seconds: { type: "integer", minimum: 1, title: "Seconds" },
    on_exceeded: {
      enum: ["stop", "ask", "warn"],
      title: "When it is exceeded",
      description:
        "stop: The job fails. ask: It is held until somebody raises the budget. warn: It goes on, and says so",
    },
  },
  additionalProperties: false,
};

/** What may be said of any job, whoever submits it. */
export const usualManner: Record<string, Schema> = {
  priority: {
    enum: ["high", "normal", "low"],
    default: "normal",
    description: "A queue of its own, with its own share of the workers",
  },
  tags: { type: "array", items: { type: "string", maxLength: 64 }, maxItems: 20 },
  budget,
};

/** What `POST /api/jobs` takes beside type and input, as a form shows it. */
export const manner: Schema = {
  type: "object",
  properties: {
    title: { type: "string", maxLength: 200, description: "In lists. Without it the job type finds one" },
    ...usualManner,
    run_at: { type: "string", format: "date-time", title: "Begins no earlier than" },
    start_within_seconds: {
      type: "integer",
      minimum: 1,
      title: "Begins within so many seconds",
      description: "Or fails with expired_before_start",
    },
    depends_on: {
      type: "array",
      items: { type: "string", maxLength: 64 },
      maxItems: 40,
      title: "Begins after",
      description: "Ids of jobs that have to end first",
    },
    on_dependency_failure: {
      enum: ["fail", "skip", "continue"],
      default: "fail",
      title: "When one of those does not complete",
      description: "fail: This one fails too. skip: It ends as cancelled. continue: It begins all the same",
    },
    cache: {
      type: "object",
      description: "A job with the same input that completed no longer ago, or is at work, is the answer",
      properties: { ttl_seconds: { type: "integer", minimum: 1, title: "Seconds" } },
      additionalProperties: false,
    },
    single_flight: {
      type: "boolean",
      description: "A job with the same input that is at work is the answer",
    },
    notify: {
      type: "object",
      title: "Webhook",
      description: "Is told when the job has ended",
      properties: { url: { type: "string", maxLength: 2000, title: "Address" } },
      additionalProperties: false,
    },
  },
  additionalProperties: false,
};
