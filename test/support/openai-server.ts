import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Act } from "./scripted-server.ts";

type Usage = { input: number; output: number };

/**
 * An answer in OpenAI's chat completions protocol, as a stream or whole, as the request asks for.
 * @see https://platform.openai.com/docs/api-reference/chat/streaming
 */
export function says(
  words: string[],
  options: { finish?: string; usage?: Usage | false; pauseMs?: number; thinks?: number } = {},
): Act {
  const { finish = "stop", usage = { input: 11, output: 7 }, pauseMs = 0, thinks = 0 } = options;
  return async (response, { body }) => {
    const counted = usage && {
      prompt_tokens: usage.input,
      completion_tokens: usage.output,
      total_tokens: usage.input + usage.output,
    };
    if (!body.stream) {
      const message = { role: "assistant", content: words.join("") };
      const choices = [{ index: 0, message, finish_reason: finish }];
      const whole = { id: "c1", object: "chat.completion", created: 1, model: body.model, choices };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ ...whole, ...(counted ? { usage: counted } : {}) }));
      return;
    }
    begin(response);
    chunk(response, { choices: [{ index: 0, delta: { role: "assistant", content: "" } }] });
    for (let thought = 0; thought < thinks; thought++) {
      await sleep(pauseMs);
      chunk(response, { choices: [{ index: 0, delta: { reasoning_content: "hm " } }] });
    }
    for (const word of words) {
      if (pauseMs > 0) await sleep(pauseMs);
      chunk(response, { choices: [{ index: 0, delta: { content: word } }] });
    }
    chunk(response, { choices: [{ index: 0, delta: {}, finish_reason: finish }] });
    if (counted && body.stream_options?.include_usage) chunk(response, { choices: [], usage: counted });
    response.end("data: [DONE]\n\n");
  };
}

/** Says something, and then the connection breaks. */
export function breaksOff(...words: string[]): Act {
  return async (response) => {
    begin(response);
    for (const word of words) chunk(response, { choices: [{ index: 0, delta: { content: word } }] });
    await sleep(20);
    response.destroy();
  };
}

/** Says something and ends politely, but never says that it is finished. */
export function trailsOff(...words: string[]): Act {
  return (response) => {
    begin(response);
    for (const word of words) chunk(response, { choices: [{ index: 0, delta: { content: word } }] });
    response.end();
  };
}

/** Says something and then nothing more, with the connection open. */
export function fallsSilent(...words: string[]): Act {
  return (response) => {
    begin(response);
    for (const word of words) chunk(response, { choices: [{ index: 0, delta: { content: word } }] });
  };
}

/** Lines that are no JSON among the lines of the stream. */
export function babbles(word: string): Act {
  return (response) => {
    begin(response);
    chunk(response, { choices: [{ index: 0, delta: { content: word } }] });
    response.write('data: {"choices": [{"del\n\n');
    response.end("data: [DONE]\n\n");
  };
}

/** An error in the middle of a stream, as routers send it. */
export function failsMidway(
  word: string,
  error: { message: string; code?: string | number; type?: string },
): Act {
  return (response) => {
    begin(response);
    chunk(response, { choices: [{ index: 0, delta: { content: word } }] });
    chunk(response, { error, choices: [{ index: 0, delta: {}, finish_reason: "error" }] });
    response.end("data: [DONE]\n\n");
  };
}

/** A success by its status, with another body than a stream. */
export function answersWith(contentType: string, body: string): Act {
  return (response) => {
    response.writeHead(200, { "content-type": contentType }).end(body);
  };
}

function begin(response: ServerResponse) {
  response.writeHead(200, { "content-type": "text/event-stream" });
}

function chunk(response: ServerResponse, part: object) {
  const event = { id: "c1", object: "chat.completion.chunk", created: 1, model: "m", ...part };
  response.write(`data: ${JSON.stringify(event)}\n\n`);
}
