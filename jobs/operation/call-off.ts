import * as z from "zod";
import type { RetryStrategy } from "../../core/engine/context.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import { OperationError, type Ticket } from "../../core/operations/operation.ts";

const input = z.object({
  ticket: z.looseObject({ operation: z.string(), operation_id: z.string() }).meta({
    description: "What the operation was begun with, as the result of its step `start` has it",
  }),
});

const result = z.object({
  operation_id: z.string(),
  called_off: z
    .boolean()
    .meta({ description: "False where its provider knows no such thing, or it had ended" }),
});

/** About two hours in all. After that the operation has ended, or its provider has. */
const patiently: RetryStrategy = (error, attempt) => {
  const isUseless = error instanceof OperationError && !error.retryable;
  if (isUseless || attempt >= 20) return { shouldRetry: false };
  return { shouldRetry: true, delay: { seconds: Math.min(2 ** attempt, 600) } };
};

/** Tells a provider that nobody waits for an operation any more. Begun by the engine, when a job with one does not complete. */
export const callOff = defineJob<z.infer<typeof input>, z.infer<typeof result>>({
  type: "call-off",
  version: 1,
  summary: "Calls off an operation that a cancelled or failed job has left behind",
  input,
  result,
  example: { ticket: { operation: "mock:video", operation_id: "mock-operations/1" } },
  title: ({ ticket }) => `Calling off ${ticket.operation}`,
  description: ({ ticket }) => ticket.operation_id,

  async run(ctx, { ticket }, { operations }) {
    const { tenant, jobId } = ctx.job;
    const called_off = await ctx.step(
      "call-off",
      async ({ signal, idempotencyKey }) => {
        try {
          return await operations.cancel(ticket as Ticket, {
            job: { tenant, jobId },
            signal,
            idempotencyKey,
          });
        } catch (error) {
          // It has ended, or is gone.
          if (error instanceof OperationError && error.code === "operation_rejected") return false;
          throw error;
        }
      },
      { retryStrategy: patiently, timeout: { minutes: 1 } },
    );
    return { operation_id: ticket.operation_id, called_off };
  },
});
