import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { Logger } from "../../core/engine/context.ts";
import type { Jobs } from "../../core/engine/job-type.ts";
import type { EngineServices } from "../../core/engine/live-pass.ts";
import { pass } from "../../core/engine/pass.ts";
import { parseWakeUp } from "../../core/queue/queue.ts";

/**
 * Carries all jobs of its batch at the same time: jobs that wait for models together share one bill. What a pass
 * ends in is never an error; only a store that stays silent sends a message back to the queue.
 */
export function worker(services: EngineServices, jobs: Jobs, logger: Logger) {
  const processor = new BatchProcessor(EventType.SQS);
  return async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    const deadline = services.now() + context.getRemainingTimeInMillis();
    const advance = async (record: SQSRecord): Promise<void> => {
      const job = parseWakeUp(record.body);
      if (!job) {
        logger.error("unreadable message dropped", { message_id: record.messageId });
        return;
      }
      const startedAt = services.now();
      try {
        const { end } = await pass(services, jobs, job, { deadline, logger });
        logger.info("pass ended", { job_id: job.jobId, end, ms: services.now() - startedAt });
      } catch (error) {
        logger.error("pass failed", {
          job_id: job.jobId,
          error: error instanceof Error ? error.message : "",
        });
        throw error;
      }
    };
    return processPartialResponse(event, advance, processor, { context, throwOnFullBatchFailure: false });
  };
}
