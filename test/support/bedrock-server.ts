import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { EventStreamCodec } from "@smithy/eventstream-codec";
import type { Act } from "./scripted-server.ts";

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString("utf8"),
  (text) => new Uint8Array(Buffer.from(text, "utf8")),
);

/**
 * An answer of Bedrock's ConverseStream, in the binary frames of an AWS event stream, or of Converse, as the path says.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
 */
export function says(
  words: string[],
  options: { stopReason?: string; input?: number; output?: number } = {},
): Act {
  const { stopReason = "end_turn", input = 31, output = 13 } = options;
  const usage = { inputTokens: input, outputTokens: output, totalTokens: input + output };
  return (response, { path }) => {
    if (!path.endsWith("/converse-stream")) {
      const message = { role: "assistant", content: [{ text: words.join("") }] };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ output: { message }, stopReason, usage, metrics: { latencyMs: 1 } }));
      return;
    }
    begin(response, words);
    event(response, "contentBlockStop", { contentBlockIndex: 0 });
    event(response, "messageStop", { stopReason });
    event(response, "metadata", { usage, metrics: { latencyMs: 1 } });
    response.end();
  };
}

/** Answers with a call of the tool that stands for a structured answer. */
export function fillsIn(tool: string, input: object, pauseMs = 0): Act {
  return async (response) => {
    response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
    event(response, "messageStart", { role: "assistant" });
    const toolUse = { toolUseId: "t1", name: tool };
    event(response, "contentBlockStart", { contentBlockIndex: 0, start: { toolUse } });
    for (const part of JSON.stringify(input).match(/.{1,10}/g) ?? []) {
      if (pauseMs > 0) await sleep(pauseMs);
      event(response, "contentBlockDelta", { contentBlockIndex: 0, delta: { toolUse: { input: part } } });
    }
    event(response, "contentBlockStop", { contentBlockIndex: 0 });
    event(response, "messageStop", { stopReason: "tool_use" });
    const usage = { inputTokens: 31, outputTokens: 13, totalTokens: 44 };
    event(response, "metadata", { usage, metrics: { latencyMs: 1 } });
    response.end();
  };
}

/** An exception within the stream, such as `throttlingException` or `modelStreamErrorException`. */
export function failsMidway(word: string, exception: string): Act {
  return (response) => {
    begin(response, [word]);
    frame(
      response,
      { ":message-type": "exception", ":exception-type": exception },
      { message: "as scripted" },
    );
    response.end();
  };
}

/** The stream ends in the middle of a frame, with the connection in order. */
export function endsInAFrame(word: string): Act {
  return (response) => {
    begin(response, [word]);
    response.end(
      encode({ ":message-type": "event", ":event-type": "messageStop" }, { stopReason: "end_turn" }).subarray(
        0,
        40,
      ),
    );
  };
}

/** A bit of a frame is turned over on the way, so its checksum does not hold. */
export function corruptsAFrame(word: string): Act {
  return (response) => {
    begin(response, [word]);
    const bytes = encode(
      { ":message-type": "event", ":event-type": "messageStop" },
      { stopReason: "end_turn" },
    );
    bytes[bytes.length - 8]! ^= 1;
    response.end(bytes);
  };
}

/** Says something, and then the connection breaks. */
export function breaksOff(word: string): Act {
  return async (response) => {
    begin(response, [word]);
    await sleep(20);
    response.destroy();
  };
}

/** Says something and then nothing more, with the connection open. */
export function fallsSilent(word: string): Act {
  return (response) => {
    begin(response, [word]);
  };
}

/** Says something and ends politely, without `messageStop`. */
export function trailsOff(word: string): Act {
  return (response) => {
    begin(response, [word]);
    response.end();
  };
}

function begin(response: ServerResponse, words: string[]) {
  response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
  event(response, "messageStart", { role: "assistant" });
  for (const text of words) event(response, "contentBlockDelta", { contentBlockIndex: 0, delta: { text } });
}

function event(response: ServerResponse, type: string, payload: object) {
  frame(response, { ":message-type": "event", ":event-type": type }, payload);
}

function frame(response: ServerResponse, headers: Record<string, string>, payload: object) {
  response.write(encode(headers, payload));
}

function encode(headers: Record<string, string>, payload: object): Uint8Array {
  const named = Object.entries({ ...headers, ":content-type": "application/json" });
  return codec.encode({
    headers: Object.fromEntries(named.map(([name, value]) => [name, { type: "string", value }])),
    body: new Uint8Array(Buffer.from(JSON.stringify(payload))),
  });
}
