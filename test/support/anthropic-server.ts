import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Act } from "./scripted-server.ts";

/**
 * An answer in the protocol of Anthropic's Messages API.
 * @see https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export function says(
  words: string[],
  options: { stopReason?: string; input?: number; output?: number } = {},
): Act {
  const { stopReason = "end_turn", input = 21, output = 9 } = options;
  return (response, { body }) => {
    start(response, body.model, input);
    send(response, "content_block_start", { index: 0, content_block: { type: "text", text: "" } });
    send(response, "ping", {});
    for (const word of words) say(response, word);
    send(response, "content_block_stop", { index: 0 });
    const usage = { output_tokens: output };
    send(response, "message_delta", { delta: { stop_reason: stopReason, stop_sequence: null }, usage });
    send(response, "message_stop", {});
    response.end();
  };
}

/** Says something, then reports an error within the stream. */
export function failsMidway(word: string, error: { type: string; message: string }): Act {
  return (response, { body }) => {
    start(response, body.model, 21);
    send(response, "content_block_start", { index: 0, content_block: { type: "text", text: "" } });
    say(response, word);
    send(response, "error", { error });
    response.end();
  };
}

/** Says something, and then the connection breaks. */
export function breaksOff(word: string): Act {
  return async (response, { body }) => {
    start(response, body.model, 21);
    send(response, "content_block_start", { index: 0, content_block: { type: "text", text: "" } });
    say(response, word);
    await sleep(20);
    response.destroy();
  };
}

function start(response: ServerResponse, model: string, input: number) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const usage = { input_tokens: input, output_tokens: 1 };
  const message = { id: "msg_1", type: "message", role: "assistant", model, content: [], usage };
  send(response, "message_start", { message: { ...message, stop_reason: null, stop_sequence: null } });
}

function say(response: ServerResponse, text: string) {
  send(response, "content_block_delta", { index: 0, delta: { type: "text_delta", text } });
}

function send(response: ServerResponse, type: string, rest: object) {
  response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
}
