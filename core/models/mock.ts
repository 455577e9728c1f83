import { setTimeout as sleep } from "node:timers/promises";
import { env as names } from "../config.ts";
import { ModelError } from "./errors.ts";
import type { Call } from "./limits.ts";
import { evaluation, labelledAnswers, rank } from "./mock-ranking.ts";
import { instanceOf } from "./mock-schema.ts";
import {
  asked,
  essay,
  instructionsOf,
  openQuestion,
  quotations,
  seeded,
  title,
  wordsOf,
} from "./mock-text.ts";
import { synthesis, type Voice, voices } from "./mock-voices.ts";
import type { ModelRequest } from "./model.ts";
import type { Provider, Reply } from "./provider.ts";

/**
 * Models without a network, for the demo, for tests and for a deployment without keys. The same name and prompt always
 * give the same answer, another question gives another one. They do what a council asks of its members: answer, rank
 * labelled answers by what is in them, find a title, sum up, and a little of what other jobs ask of theirs. Some names fail in a way of their own: docs/models.md.
 */
export function mock(environment: NodeJS.ProcessEnv): Provider {
  const latencyMs = latencyOf(environment[names.mockLatencyMs]);
  const failedOnce = new Set<string>();

  return async (name, request, call) => {
    failAsNamed(name, call, failedOnce);
    if (name === "silent") await sleep(2 ** 31 - 1, undefined, { signal: call.signal });
    const said = [request.system ?? "", ...request.messages.map(({ content }) => content)].join("\n");
    const random = seeded(`${name}\n${said}`);
    const voice = voiceOf(name);
    const reply = compose(name, voice, request, random);
    if (latencyMs !== undefined && name !== "slow") await after(latencyMs, reply.text, call);
    else await speak(reply.text, 250 + 450 * random(), name === "slow" ? 8 : voice.tokensPerSecond, call);
    return { ...reply, tokens: { input: tokensIn(said), output: tokensIn(reply.text) }, mock: true };
  };
}

function latencyOf(setting: string | undefined): number | undefined {
  if (!setting) return undefined;
  const latencyMs = Number(setting);
  if (latencyMs >= 0) return latencyMs;
  throw new ModelError("model_unknown", `${names.mockLatencyMs} must be a number of milliseconds`);
}

function failAsNamed(name: string, call: Call, failedOnce: Set<string>) {
  const details = { model: `mock:${name}` };
  if (name === "fails") {
    throw new ModelError("model_unavailable", "mock:fails did not answer, as always", { details });
  }
  if (name === "rejected") {
    throw new ModelError("model_rejected", "mock:rejected refused the request, as always", { details });
  }
  // A call does not know which attempt it is, so the process remembers whom it has already failed.
  if (name === "flaky" && !failedOnce.delete(call.idempotencyKey)) {
    failedOnce.add(call.idempotencyKey);
    throw new ModelError("model_unavailable", "mock:flaky did not answer the first time, as always", {
      details,
    });
  }
}

/** Its own voice for every known name; other names borrow one. */
function voiceOf(name: string): Voice {
  const all = Object.values(voices);
  return voices[name] ?? all[Math.floor(seeded(name)() * all.length)]!;
}

function compose(name: string, voice: Voice, request: ModelRequest, random: () => number): Reply {
  if (name === "filtered") return { text: "", finish: "content_filter" };
  const prompt = request.messages.at(-1)?.content ?? "";
  const instructions = instructionsOf(`${request.system ?? ""}\n${prompt}`);
  const question = asked(prompt);
  const words = wordsOf(question);
  const marker = `[mock:${name}] `;

  const answers = labelledAnswers(prompt);
  if (answers.length > 0 && (request.schema || instructions.includes("FINAL RANKING:"))) {
    if (name === "garbled") return { text: `${marker}%% {"rnk": [3,,1 >> best is ??`, finish: "stop" };
    const best =
      name === "position-biased" ? answers : rank(answers, { words, taste: voice.taste, judge: name });
    if (!request.schema) return { text: marker + evaluation(best, words), finish: "stop" };
    const object = instanceOf(request.schema, { words, random, best });
    return { text: JSON.stringify(object), object, finish: "stop" };
  }
  if (request.schema) {
    const object = instanceOf(request.schema, { words, random, best: [] });
    return { text: JSON.stringify(object), object, finish: "stop" };
  }
  if (/\btitle\b/i.test(instructions) && /\b(3|three) ?(-|–|to) ?(5|five)[ -]words\b/i.test(instructions)) {
    return { text: title(words), finish: "stop" };
  }
  if (/\bask one open question\b/i.test(instructions))
    return { text: marker + openQuestion(words, random), finish: "stop" };
  if (/^\s*translate\b/i.test(instructions)) {
    // It knows no languages: the text comes back as it is.
    const text = quotations(prompt)[0]?.text ?? prompt;
    return { text: marker + text.trim().replace(/^\[mock:[^\]]*\] /, ""), finish: "stop" };
  }
  const sumsUp = /\b(chair a council|chairman|synthesi[sz]e)\b/i.test(instructions);
  const text = marker + essay(sumsUp ? synthesis : voice, question, words, random);
  if (name === "truncated") return { text: text.slice(0, text.length / 2), finish: "length" };
  return { text, finish: "stop" };
}

/** Says the text at a speaker's pace, a few words at a time. */
async function speak(text: string, thinkMs: number, tokensPerSecond: number, call: Call): Promise<void> {
  const words = text.match(/\S+\s*/g) ?? [];
  const wordsAtOnce = 4;
  await sleep(thinkMs, undefined, { signal: call.signal });
  for (let index = 0; index < words.length; index += wordsAtOnce) {
    const piece = words.slice(index, index + wordsAtOnce).join("");
    await sleep((1000 * tokensIn(piece)) / tokensPerSecond, undefined, { signal: call.signal });
    call.alive();
    call.onDelta?.(piece);
  }
}

/** Takes a given time in all. The text comes in a few pieces, so that a benchmark measures deltas but not timers. */
async function after(latencyMs: number, text: string, call: Call): Promise<void> {
  const pieces = call.onDelta && latencyMs > 0 ? 4 : 1;
  const length = Math.ceil(text.length / pieces);
  for (let index = 0; index < pieces; index++) {
    if (latencyMs > 0) await sleep(latencyMs / pieces, undefined, { signal: call.signal });
    call.alive();
    const piece = text.slice(index * length, (index + 1) * length);
    if (piece) call.onDelta?.(piece);
  }
}

/** English has about four characters to a token. */
function tokensIn(text: string): number {
  return Math.ceil(text.length / 4);
}
