import { PassThrough } from "node:stream";
import { afterAll, expect, test } from "vitest";
import { models } from "../../core/models/models.ts";
import { servedDoor } from "../support/served-door.ts";

const here = await servedDoor({ services: { model: models({ MOCK_LATENCY_MS: "0" }) } });
// Somebody has to work while the command waits.
const working = setInterval(() => void here.api.work(), 20);
afterAll(async () => {
  clearInterval(working);
  await here.close();
});

function typed(...lines: string[]): PassThrough {
  const stdin = new PassThrough();
  stdin.end(lines.map((line) => `${line}\n`).join(""));
  return stdin;
}

test("a dialogue is held on the command line, left, and carried on where it was", async () => {
  const narrative = "My boss took the credit.";
  const first = await here.commandWith(typed("I was in the room."), "dialogue", narrative, "--turns", "2");

  expect(first.code).toBe(130);
  expect(first.out.match(/\?/g)).toHaveLength(2);
  const [, job = ""] = /--job (\S+)/.exec(first.err)!;

  const second = await here.commandWith(typed("", "I wanted to be seen.", "no"), "dialogue", "--job", job);

  expect(second.code).toBe(0);
  expect(second.out).toContain("Shall it be retold as an allegory?");
  expect(second.out).toContain('"answer": "I was in the room."');
  expect(second.out).toContain('"answer": "I wanted to be seen."');
  expect(second.out).toContain('"final_understanding"');
});

test("a dialogue needs a narrative or a job", async () => {
  expect((await here.command("dialogue")).code).toBe(2);
});
