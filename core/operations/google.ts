import { createGoogle } from "@ai-sdk/google";
import { APICallError, LoadAPIKeyError } from "ai";
import { env as names } from "../config.ts";
import type { KeySource } from "../models/provider-keys.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import {
  garbled,
  OperationError,
  type OperationName,
  type OperationProvider,
  refusal,
  type Ticket,
  unreachable,
} from "./operation.ts";
import type { VideoRequest } from "./video.ts";

const googleItself = "https://generativelanguage.googleapis.com/v1beta";

/** A file is given by one address or, after a redirect, by another one of Google's. */
const mostRedirects = 3;

type GoogleTicket = Ticket & { started: Json };

/** Google's Veo, through the Gemini API. What it makes can be fetched for two days, with the key. */
export async function googleOperations(
  environment: NodeJS.ProcessEnv,
  keys: KeySource,
): Promise<OperationProvider> {
  const baseURL = environment[names.googleBaseUrl] || googleItself;
  const apiKey = await keys("google");
  if (!apiKey)
    throw new OperationError(
      "operation_unknown",
      "google is not configured in this deployment: it has no key",
    );
  const google = createGoogle({ baseURL, apiKey });
  const modelOf = (operation: OperationName) => google.video(operation.slice("google:".length));

  return {
    async start(operation, request, { signal }) {
      const { prompt, aspect_ratio, duration_seconds, resolution, seed } = request as VideoRequest;
      const started = await calling(operation, () =>
        modelOf(operation).doStart!({
          prompt,
          n: 1,
          aspectRatio: aspect_ratio,
          duration: duration_seconds,
          resolution: resolution === undefined ? undefined : pixels[resolution],
          seed,
          fps: undefined,
          image: undefined,
          frameImages: undefined,
          inputReferences: undefined,
          generateAudio: undefined,
          providerOptions: {},
          abortSignal: signal,
        }),
      );
      const { operationName } = started.operation as { operationName: string };
      return { operation, operation_id: operationName, started: started.operation as Json };
    },

    async poll(ticket, { signal }) {
      const { operation, started } = ticket as GoogleTicket;
      const status = await calling(operation, () =>
        modelOf(operation).doStatus!({ operation: started, abortSignal: signal }),
      ).catch((error: unknown) => {
        if (error instanceof OperationError && error.code === "operation_garbled") return undefined;
        throw error;
      });
      // It is over, and there is no video: withheld, most of the time. What was said about that may quote the prompt.
      if (!status)
        return {
          state: "failed",
          failure: { code: "video_withheld", message: `${operation} gave no video` },
        };
      if (status.status === "pending") return { state: "pending" };
      if (status.status === "error")
        return { state: "failed", failure: { code: "operation_failed", message: `${operation} failed` } };
      const files: JsonObject[] = status.videos.flatMap((video) =>
        video.type === "url" ? [{ uri: withoutKey(video.url), media_type: video.mediaType }] : [],
      );
      return { state: "done", result: { files } };
    },

    async download({ operation }, uri, mostBytes, { signal }) {
      let url = new URL(uri);
      for (let hop = 0; hop <= mostRedirects; hop += 1) {
        const isOwn = url.origin === new URL(baseURL).origin;
        if (
          !isOwn &&
          !(url.protocol === "https:" && /\.(googleapis|googleusercontent)\.com$/.test(url.hostname))
        )
          throw garbled(operation, "with an address that is not Google's");
        const response = await fetch(url, {
          signal,
          redirect: "manual",
          headers: isOwn ? { "x-goog-api-key": apiKey } : {},
        }).catch((error: unknown) => {
          throw unreachable(operation, error);
        });
        const next = response.status >= 300 && response.status < 400 && response.headers.get("location");
        if (!next) return await bytesOf(operation, response, mostBytes);
        await response.body?.cancel();
        url = new URL(next, url);
      }
      throw garbled(operation, "with one redirect after another");
    },
  };
}

const pixels = { "720p": "1280x720", "1080p": "1920x1080" } as const;

/** The library puts the key behind the address, and an address goes into the journal. */
function withoutKey(address: string): string {
  const url = new URL(address);
  url.searchParams.delete("key");
  return url.href;
}

async function bytesOf(operation: OperationName, response: Response, mostBytes: number): Promise<Uint8Array> {
  if (!response.ok) {
    await response.body?.cancel();
    throw refusal(operation, response.status);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > mostBytes) break;
    }
  } catch (error) {
    throw unreachable(operation, error);
  }
  if (bytes > mostBytes)
    throw new OperationError(
      "operation_rejected",
      `What ${operation} made is larger than ${mostBytes} bytes`,
    );
  return Buffer.concat(chunks);
}

/** The library's errors carry the whole request and the provider's sentences, so they are no cause. */
async function calling<T>(operation: OperationName, call: () => PromiseLike<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (LoadAPIKeyError.isInstance(error))
      throw new OperationError("operation_unknown", `${operation} is not configured in this deployment`);
    if (!APICallError.isInstance(error)) throw garbled(operation, "not in the form of its protocol");
    const { statusCode, data } = error;
    if (statusCode === undefined) throw unreachable(operation, error);
    if (statusCode < 400) throw garbled(operation, "not in the form of its protocol");
    const { status } = (data as { error?: { status?: unknown } } | undefined)?.error ?? {};
    throw refusal(operation, statusCode, typeof status === "string" ? status.slice(0, 64) : undefined);
  }
}
