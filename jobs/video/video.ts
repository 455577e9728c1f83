import * as z from "zod";
import { defineJob } from "../../core/engine/job-type.ts";
import type { MadeFile, OperationName } from "../../core/operations/operation.ts";
import { videoRequest } from "../../core/operations/video.ts";
import { InvalidRequest, StepFailed } from "../../core/protocol/error.ts";
import { callingOff, operation } from "../shared/operation.ts";

export const videoInput = z
  .strictObject({
    ...videoRequest.shape,
    model: z
      .string()
      .max(200)
      .regex(/^(google|bedrock|mock):\S+$/, "A video model is named google:..., bedrock:... or mock:...")
      .optional()
      .meta({ description: "Default: the deployment's" }),
    allow_mock: z.boolean().optional().meta({
      description:
        "Where no video can be had of the model, a mock makes a picture that moves, and it is marked. Default: the deployment's choice",
    }),
    timeout_seconds: z.int().min(60).max(86_400).optional().meta({ description: "Default: 2 hours" }),
  })
  .meta({ id: "VideoInput" });

export const videoResult = z
  .object({
    id: z.string(),
    model: z.string(),
    operation_id: z.string(),
    mock: z.boolean(),
    video: z.object({
      media_type: z.string(),
      url: z.string().meta({ description: "Leads to the file for whoever may read the job" }),
      key: z.string().meta({ description: "In the payload store" }),
      bytes: z.number().nullable(),
    }),
  })
  .meta({ id: "VideoResult" });

type Input = z.infer<typeof videoInput>;
type Result = z.infer<typeof videoResult>;

const standIn = "mock:video";

const made = z.object({
  mock: z.boolean().optional(),
  files: z
    .array(
      z.union([
        z.object({ media_type: z.string(), key: z.string() }),
        z.object({ media_type: z.string(), uri: z.string() }),
      ]),
    )
    .min(1),
});

/** Has a video made by Veo, Nova Reel or a mock, which takes minutes, and keeps it. */
export const video = defineJob<Input, Result>({
  type: "video",
  version: 1,
  summary: "Makes a video of a few seconds from a description",
  input: videoInput,
  result: videoResult,
  example: { prompt: "A lighthouse in a storm, seen from a small boat" },
  prepare: (input, { videoModel, mockFallback }) => ({
    ...input,
    model: input.model ?? videoModel,
    allow_mock: input.allow_mock ?? mockFallback,
  }),
  title: ({ prompt }) => `Video: ${prompt.replace(/\s+/g, " ").slice(0, 60)}`,
  description: ({ prompt }) => prompt.slice(0, 200),

  async run(ctx, { model, allow_mock, timeout_seconds = 7_200, ...request }, services) {
    const have = (from: OperationName, degraded?: true) =>
      operation(ctx, degraded ? "stand-in" : "video", services, {
        operation: from,
        request,
        timeoutSeconds: timeout_seconds,
        what: "the video",
        ...(degraded ? { degraded } : {}),
      });
    const chosen = named(model);
    const { ticket, result } = await have(chosen).catch((error: unknown) => {
      if (!allow_mock || chosen === standIn) throw error;
      return have(standIn, true);
    });
    const { mock = false, files } = made.parse(result);
    const [file] = files as [MadeFile];
    const { tenant, jobId } = ctx.job;
    const kept = await ctx.step("store", async ({ signal, idempotencyKey }) => {
      if ("key" in file) return { key: file.key, bytes: null };
      const { operations, payloads, settings } = services;
      const call = { job: { tenant, jobId }, signal, idempotencyKey };
      const bytes = await operations.download(ticket, file.uri, settings.payloadBytes, call);
      if (bytes.length === 0)
        throw new StepFailed("video_empty", "The video has no content", { retryable: true });
      const { key } = await payloads.put({ tenant, jobId }, bytes, {
        contentType: file.media_type,
        fileName: `video-${jobId}.${extensions[file.media_type] ?? "bin"}`,
      });
      return { key, bytes: bytes.length };
    });
    return {
      id: jobId,
      model: ticket.operation,
      operation_id: ticket.operation_id,
      mock,
      video: { media_type: file.media_type, url: `/api/videos/${jobId}/content`, ...kept },
    };
  },

  callOff: callingOff("video"),
  message: "prompt",
  acknowledge: ({ prompt, model }) =>
    `Job started: a video of “${prompt.slice(0, 200)}” is being made by ${model}. It will be here when it is done; just go on meanwhile.`,
  reply: ({ video: { url }, model, mock, ...data }) => ({
    content: `${mock ? "[mock] " : ""}The video is ready: ${url}`,
    data: { ...data, model, mock, video: { url } },
  }),
});

const extensions: Record<string, string> = { "video/mp4": "mp4", "image/svg+xml": "svg" };

/** @throws InvalidRequest for input that has not gone through `prepare`. */
function named(model: string | undefined): OperationName {
  if (model) return model;
  throw new InvalidRequest("Neither the request nor this deployment names a video model");
}
