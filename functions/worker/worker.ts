import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { Around } from "../../core/engine/attempt.ts";
import type { Logger } from "../../core/engine/context.ts";
import type { EngineServices } from "../../core/engine/engine-services.ts";
import type { Jobs } from "../../core/engine/job-type.ts";
import type { PassEnd, PassOptions } from "../../core/engine/live-pass.ts";
import { pass } from "../../core/engine/pass.ts";
import { wake } from "../../core/engine/wake.ts";
import type { JobKey, JobRecord } from "../../core/protocol/job.ts";
import { parseWakeUp } from "../../core/queue/queue.ts";

/**
 * Carries all jobs of its batch at the same time: jobs that wait for models together share one bill. What a pass
 * ends in is never an error; only a store that stays silent sends a message back to the queue.
 * @param around - for tests: stands around every call of a step.
 */
export function worker(services: EngineServices, jobs: Jobs, logger: Logger, around?: Around) {
  const processor = new BatchProcessor(EventType.SQS);
  return async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    const deadline = services.now() + context.getRemainingTimeInMillis();
    const batch = new Batch(services, jobs, { deadline, logger, around }, event.Records.length);
    const advance = async (record: SQSRecord): Promise<void> => {
      const job = parseWakeUp(record.body);
      if (!job) {
        logger.error("unreadable message dropped", { message_id: record.messageId });
        batch.leave();
        return;
      }
      const startedAt = services.now();
      try {
        const { end } = await batch.advance(job);
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

/**
 * The jobs that share an invocation share its end, too. A job whose workers keep dying waits until the others are done,
 * so that it can take none of them along. Of several such, the one with the fewest deaths goes on here, the others are
 * sent again: each comes to an invocation of its own, whoever of them it is that kills.
 */
class Batch {
  private readonly services: EngineServices;
  private readonly jobs: Jobs;
  private readonly options: PassOptions;
  private readonly inCompany: boolean;
  private together: number;
  private readonly allLeft = Promise.withResolvers<void>();
  private readonly apart: JobRecord[] = [];

  constructor(services: EngineServices, jobs: Jobs, options: PassOptions, size: number) {
    this.services = services;
    this.jobs = jobs;
    this.options = options;
    this.inCompany = size > 1;
    this.together = size;
  }

  async advance(job: JobKey): Promise<PassEnd> {
    const { services, jobs, options, inCompany, apart } = this;
    let end: PassEnd;
    try {
      end = await pass(services, jobs, job, { ...options, inCompany });
      if (end.end !== "to run alone") return end;
      apart.push(end.job);
    } finally {
      this.leave();
    }
    await this.allLeft.promise;
    const least = apart.reduce((one, other) => (other.stalls < one.stalls ? other : one));
    const isTime = options.deadline - services.now() > services.settings.reserveMs;
    if (isTime && least === end.job) return pass(services, jobs, job, options);
    await wake(services, end.job);
    return end;
  }

  leave(): void {
    this.together -= 1;
    if (this.together === 0) this.allLeft.resolve();
  }
}
