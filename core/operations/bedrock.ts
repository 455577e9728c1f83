import {
  BedrockRuntimeClient,
  GetAsyncInvokeCommand,
  StartAsyncInvokeCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { connection } from "../aws-services.ts";
import { env as names, required } from "../config.ts";
import type { JobKey } from "../protocol/job.ts";
import type { JsonObject } from "../protocol/json.ts";
import { garbled, type OperationName, type OperationProvider, refusal, unreachable } from "./operation.ts";
import type { VideoRequest } from "./video.ts";

/**
 * Amazon Nova Reel. It writes what it makes into the payload bucket, below the job's own prefix, with the rights of
 * whoever started it.
 * @see https://docs.aws.amazon.com/nova/latest/userguide/video-gen-access.html
 */
export function bedrockOperations(environment: NodeJS.ProcessEnv): OperationProvider {
  const endpoint = environment[names.bedrockBaseUrl];
  const bucket = required(environment, names.bucket);
  // Retries belong to the step around a call. HTTP/2, the client's own choice, is for streams.
  const bedrock = new BedrockRuntimeClient({
    requestHandler: new NodeHttpHandler(connection.requestHandler),
    maxAttempts: 1,
    // The client takes an empty token for one.
    authSchemePreference: [environment.AWS_BEARER_TOKEN_BEDROCK ? "httpBearerAuth" : "sigv4"],
    ...(endpoint ? { endpoint } : {}),
  });

  return {
    async start(operation, request, { job, signal, idempotencyKey }) {
      const { invocationArn } = await calling(operation, () =>
        bedrock.send(
          new StartAsyncInvokeCommand({
            // Letters, digits and dashes, as the key's own alphabet nearly is.
            clientRequestToken: idempotencyKey.replaceAll("_", "-").replace(/^-+|-+$/g, "0"),
            modelId: operation.slice("bedrock:".length),
            modelInput: reelInput(request as VideoRequest),
            outputDataConfig: { s3OutputDataConfig: { s3Uri: `s3://${bucket}/${prefixOf(job)}/reel` } },
          }),
          { abortSignal: signal },
        ),
      );
      if (!invocationArn) throw garbled(operation, "without an invocation");
      return { operation, operation_id: invocationArn };
    },

    async poll({ operation, operation_id }, { job, signal }) {
      const answer = await calling(operation, () =>
        bedrock.send(new GetAsyncInvokeCommand({ invocationArn: operation_id }), { abortSignal: signal }),
      );
      const { status, outputDataConfig } = answer;
      if (status === "Failed")
        return { state: "failed", failure: { code: "operation_failed", message: `${operation} failed` } };
      if (status !== "Completed") return { state: "pending" };
      // Bedrock adds a folder of the invocation to what it was given.
      const folder = outputDataConfig?.s3OutputDataConfig?.s3Uri?.replace(/\/$/, "") ?? "";
      if (!folder.startsWith(`s3://${bucket}/${prefixOf(job)}/`))
        throw garbled(operation, "with a place that is not its job's");
      const key = `${folder.slice(`s3://${bucket}/`.length)}/output.mp4`;
      return { state: "done", result: { files: [{ key, media_type: "video/mp4" }] } };
    },
  };
}

/** Where the payload store has what belongs to a job. */
function prefixOf({ tenant, jobId }: JobKey): string {
  return [tenant, jobId].map(encodeURIComponent).join("/");
}

const shotSeconds = 6;

/** One shot of six seconds, or several that it plans itself. */
function reelInput({ prompt, duration_seconds = shotSeconds, seed }: VideoRequest): JsonObject {
  const videoGenerationConfig: JsonObject = {
    durationSeconds: duration_seconds,
    fps: 24,
    dimension: "1280x720",
    ...(seed === undefined ? {} : { seed }),
  };
  return duration_seconds === shotSeconds
    ? { taskType: "TEXT_VIDEO", textToVideoParams: { text: prompt }, videoGenerationConfig }
    : {
        taskType: "MULTI_SHOT_AUTOMATED",
        multiShotAutomatedParams: { text: prompt },
        videoGenerationConfig,
      };
}

type SdkError = Error & { $metadata?: { httpStatusCode?: number } };

async function calling<T>(operation: OperationName, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const status = (error as SdkError).$metadata?.httpStatusCode;
    if (status === undefined || status < 400) throw unreachable(operation, error);
    throw refusal(operation, status, /^[A-Za-z]{3,64}$/.test(error.name) ? error.name : undefined);
  }
}
