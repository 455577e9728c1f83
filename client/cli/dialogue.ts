import { createInterface } from "node:readline";
import type { Json } from "../../core/protocol/json.ts";
import type { EventView } from "../../core/protocol/wire.ts";
import type { Convoke } from "../convoke.ts";
import { safe } from "./text.ts";

/** Somebody at a keyboard, or a file that is read line by line. */
type Partner = { stdin: NodeJS.ReadableStream; print: (line: string) => void; signal: AbortSignal };

/**
 * Holds a dialogue from where it stands: prints what is asked, and answers with the lines of stdin.
 * @returns whether it came to its end: stdin may end before.
 */
export async function converse(client: Convoke, jobId: string, partner: Partner): Promise<boolean> {
  const { print, signal } = partner;
  const reader = createInterface({ input: partner.stdin });
  const lines = reader[Symbol.asyncIterator]();
  try {
    for await (const event of client.watch(jobId, { signal })) {
      const asked = await openQuestion(client, jobId, event, signal);
      if (!asked) continue;
      print(`\n${safe(asked.question)}`);
      print(asked.isOffer ? "(yes or no)" : "(quit ends the dialogue)");
      const line = await nextText(lines);
      if (line === undefined) return false;
      const result: Json = asked.isOffer ? { accept: /^\s*y/i.test(line) } : { answer: line };
      await client.answer(asked.callbackId, { result }, { signal });
    }
    return true;
  } finally {
    reader.close();
  }
}

/** What an event asks, unless that has been answered since. */
async function openQuestion(client: Convoke, jobId: string, event: EventView, signal: AbortSignal) {
  const ask = event.ask as { question: string } | undefined;
  if (event.kind !== "callback.created" || !ask) return undefined;
  const { callbacks } = await client.get(jobId, { signal });
  const open = callbacks.find(({ id, outcome }) => id === event.callback_id && outcome === null);
  return open && { callbackId: open.id, question: ask.question, isOffer: open.step === "offer" };
}

async function nextText(lines: AsyncIterator<string>): Promise<string | undefined> {
  for (;;) {
    const { value, done } = await lines.next();
    if (done) return undefined;
    if (value.trim() !== "") return value;
  }
}
