import { jsonSchema, type LanguageModel, Output, streamText } from "ai";
import { ModelError } from "./errors.ts";
import { modelError } from "./failures.ts";
import type { Call } from "./limits.ts";
import type { Finish, ModelName, ModelRequest } from "./model.ts";
import type { Reply } from "./provider.ts";
import { type ObjectFinder, objectFinder } from "./structured.ts";

// Its warnings go to the console of a function whose log is JSON, and say nothing that could be acted on there.
globalThis.AI_SDK_LOG_WARNINGS = false;

/** Always sent: without it some providers cut at 1,000 tokens or fewer and others have no limit at all. */
const defaultMaxOutputTokens = 4_096;

/**
 * One request to one model, always as a stream: only then can silence be told from work. Without retries, which belong
 * to the step around it.
 *
 * @throws ModelError
 */
export async function ask(model: LanguageModel, request: ModelRequest, call: Call): Promise<Reply> {
  const find = request.schema && objectFinder(request.schema);
  try {
    return await read(model, request, call, find);
  } catch (error) {
    throw modelError(request.model, error);
  }
}

async function read(
  model: LanguageModel,
  request: ModelRequest,
  call: Call,
  find: ObjectFinder | undefined,
): Promise<Reply> {
  const { stream } = streamText({
    model,
    instructions: request.system,
    messages: request.messages,
    maxOutputTokens: request.maxOutputTokens ?? defaultMaxOutputTokens,
    temperature: request.temperature,
    output: request.schema && Output.object({ schema: jsonSchema(request.schema), name: "answer" }),
    maxRetries: 0,
    abortSignal: call.signal,
    // Every event of the provider is a sign of life, also those without text: thinking, a tool's input, a ping.
    include: { rawChunks: true },
    // Errors come with the stream; the library's own way is to print them, with the prompt inside.
    onError: () => {},
  });

  let text = "";
  let reply: Reply | undefined;
  for await (const part of stream) {
    call.alive();
    if (part.type === "text-delta") {
      text += part.text;
      if (part.text) call.onDelta?.(part.text);
    } else if (part.type === "error") {
      throw part.error;
    } else if (part.type === "finish") {
      const { inputTokens, outputTokens } = part.totalUsage;
      reply = {
        text,
        finish: finishOf(request.model, part.finishReason, part.rawFinishReason),
        ...(inputTokens === undefined || outputTokens === undefined
          ? {}
          : { tokens: { input: inputTokens, output: outputTokens } }),
      };
    }
  }
  if (!reply) throw new Error("The stream was aborted");
  // A refusal may come without a word, and thinking may use up all that was allowed; else no text is no answer.
  if (!text && (reply.finish === "stop" || reply.finish === "other")) throw new Error("The answer is empty");
  const object = find?.(text);
  return object === undefined ? reply : { ...reply, object };
}

/** @throws when the provider never said why it stopped: what came before may be a part only. */
function finishOf(model: ModelName, reason: string, raw: string | undefined): Finish {
  if (raw === undefined) throw new Error("The stream ended without a finish reason");
  switch (reason) {
    case "stop":
    case "length":
      return reason;
    case "content-filter":
      return "content_filter";
    default:
      // The word of routers for a stream that broke behind them.
      if (raw === "error") throw new ModelError("model_unavailable", `${model} broke off with an error`);
      return "other";
  }
}
