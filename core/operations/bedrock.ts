import {
  BedrockRuntimeClient,
  GetAsyncInvokeCommand,
  StartAsyncInvokeCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { connection } from "../aws-services.ts";
import { env as names, required } from "../config.ts";
import type { JsonObject } from "../protocol/json.ts";
import {
  garbled,
  OperationError,
  type OperationName,
  type OperationProvider,
  refusal,
  unreachable,
} from "./operation.ts";
import type { VideoRequest } from "./video.ts";

/**
 * Amazon Nova Reel. It writes what it makes into the payload bucket, below the job's own prefix, with the rights of
 * whoever started it.
 * @see https://docs.aws.amazon.com/nova/latest/userguide/video-gen-access.html
 */
export function bedrockOperations(environment: NodeJS.ProcessEnv): OperationProvider {
  const endpoint = environment[names.bedrockBaseUrl];
  const bucket = required(environment, names.bucket);
  // Retries belong to the step around a call.
  const bedrock = new BedrockRuntimeClient({
    ...connection,
    maxAttempts: 1,
    ...(endpoint ? { endpoint } : {}),
  });
  const s3 = new S3Client(connection);

  return {
    async start(operation, request, { job, signal, idempotencyKey }) {
      const prefix = [job.tenant, job.jobId].map(encodeURIComponent).join("/");
      const { invocationArn } = await calling(operation, () =>
        bedrock.send(
          new StartAsyncInvokeCommand({
            // Letters, digits and dashes, as the key's own alphabet nearly is.
            clientRequestToken: idempotencyKey.replaceAll("_", "-").replace(/^-+|-+$/g, "0"),
            modelId: operation.slice("bedrock:".length),
            modelInput: reelInput(request as VideoRequest),
            outputDataConfig: { s3OutputDataConfig: { s3Uri: `s3://${bucket}/${prefix}/reel` } },
          }),
          { abortSignal: signal },
        ),
      );
      if (!invocationArn) throw garbled(operation, "without an invocation");
      return { operation, operation_id: invocationArn };
    },

    async poll({ operation, operation_id }, { signal }) {
      const answer = await calling(operation, () =>
        bedrock.send(new GetAsyncInvokeCommand({ invocationArn: operation_id }), { abortSignal: signal }),
      );
      const { status, outputDataConfig } = answer;
      if (status === "Failed")
        return { state: "failed", failure: { code: "operation_failed", message: `${operation} failed` } };
      if (status !== "Completed") return { state: "pending" };
      const folder = outputDataConfig?.s3OutputDataConfig?.s3Uri;
      if (!folder) throw garbled(operation, "without a place of its video");
      const files: JsonObject[] = [
        { uri: `${folder.replace(/\/$/, "")}/output.mp4`, media_type: "video/mp4" },
      ];
      return { state: "done", result: { files } };
    },

    async download({ operation }, { uri }, mostBytes, { signal }) {
      const [, from, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
      if (from !== bucket || key === undefined) throw garbled(operation, "with a place that is not ours");
      return calling(operation, async () => {
        const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), {
          abortSignal: signal,
        });
        if ((object.ContentLength ?? 0) > mostBytes)
          throw new OperationError(
            "operation_rejected",
            `What ${operation} made is larger than ${mostBytes} bytes`,
          );
        return (await object.Body?.transformToByteArray()) ?? new Uint8Array();
      });
    },
  };
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
    if (error instanceof OperationError || !(error instanceof Error)) throw error;
    const status = (error as SdkError).$metadata?.httpStatusCode;
    if (status === undefined || status < 400) throw unreachable(operation, error);
    throw refusal(operation, status, /^[A-Za-z]{3,64}$/.test(error.name) ? error.name : undefined);
  }
}
