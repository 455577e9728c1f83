import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import type { Terminal } from "../../client/cli/command.ts";
import { exampleLine, flagNames, flagRows, formOf, inputFrom } from "../../client/cli/input-flags.ts";
import type { JobType } from "../../client/index.ts";
import { jobs } from "../../jobs/index.ts";

/** As GET /api/job-types has it. */
function typeOf(name: string): JobType {
  const { type, summary, input, example } = jobs.latest(name)!;
  const input_schema = z.toJSONSchema(input, { io: "input", unrepresentable: "any" });
  return { type, version: 1, summary, input_schema, example } as unknown as JobType;
}

function terminal(typed = ""): Terminal {
  const stdin = new PassThrough();
  stdin.end(typed);
  return { stdin } as unknown as Terminal;
}

const read = (type: string, words: string[], typed?: string) =>
  inputFrom(formOf(typeOf(type)), words, terminal(typed));

describe("the input of a job as flags", () => {
  test.each<[string, string, string[], unknown]>([
    ["a text", "video", ["--prompt", "A lighthouse"], { prompt: "A lighthouse" }],
    ["a text after =", "video", ["--prompt=--json"], { prompt: "--json" }],
    [
      "names with dashes",
      "video",
      ["--prompt", "x", "--duration-seconds", "6"],
      { prompt: "x", duration_seconds: 6 },
    ],
    [
      "names as they are",
      "video",
      ["--prompt", "x", "--duration_seconds=6"],
      { prompt: "x", duration_seconds: 6 },
    ],
    [
      "words between commas",
      "translation-stability",
      ["--text", "x", "--languages", "french, german"],
      { text: "x", languages: ["french", "german"] },
    ],
    [
      "words one by one",
      "council",
      ["--question", "x", "--members", "mock:a", "--members", "mock:b"],
      { question: "x", members: ["mock:a", "mock:b"] },
    ],
    [
      "sentences with commas",
      "council",
      ["--question", "x", "--criteria", "Short, and true"],
      { question: "x", criteria: ["Short, and true"] },
    ],
    [
      "yes and no",
      "council",
      ["--question", "x", "--anonymous-chairman", "--no-exclude-self"],
      { question: "x", anonymous_chairman: true, exclude_self: false },
    ],
    [
      "yes and no, written out",
      "council",
      ["--question", "x", "--exclude-self=false"],
      { question: "x", exclude_self: false },
    ],
    [
      "fields of an object",
      "operation",
      ["--start.url", "https://a.test", "--start.body", '{"a":1}', "--status.url=https://b.test"],
      { start: { url: "https://a.test", body: { a: 1 } }, status: { url: "https://b.test" } },
    ],
    [
      "an object with names of one's own",
      "council",
      ["--question", "x", "--personas.mock:a", "A poet"],
      { question: "x", personas: { "mock:a": "A poet" } },
    ],
    [
      "a list of objects",
      "batch",
      ["--jobs", '[{"type":"council","input":{}}]'],
      { jobs: [{ type: "council", input: {} }] },
    ],
    [
      "a document, and flags that change it",
      "video",
      ["--input", '{"prompt":"a","seed":1}', "--prompt", "b"],
      { prompt: "b", seed: 1 },
    ],
    [
      "a field that is named like an option",
      "notification",
      ["--input.url", "https://a.test", "--job-id", "j"],
      { url: "https://a.test", job_id: "j" },
    ],
  ])("%s", async (_name, type, words, input) => {
    expect(await read(type, words)).toEqual(input);
  });

  test("a text or a document comes from stdin where there is a dash", async () => {
    expect(await read("video", ["--prompt", "-"], "Line 1\nLine 2\n")).toEqual({ prompt: "Line 1\nLine 2" });
    expect(await read("video", ["-", "--seed", "3"], '{"prompt":"a"}')).toEqual({ prompt: "a", seed: 3 });
  });

  test.each<[string, string, string[], string]>([
    [
      "a field that is not there",
      "translation",
      ["--languages", "fr"],
      "A translation has no --languages. It has --text, --intermediate-language, ",
    ],
    ["a field that is not there in an object", "operation", ["--start.uri", "x"], "has no --start.uri"],
    [
      "what has to be there",
      "translation",
      ["--source-language", "english"],
      "A translation needs --text and --intermediate-language",
    ],
    [
      "a choice",
      "translation",
      ["--intermediate-language", "klingon"],
      "--intermediate-language is one of spanish, french, ",
    ],
    ["a choice of several", "translation-stability", ["--languages", "french,klingon"], 'not "klingon"'],
    ["a number", "video", ["--prompt", "x", "--seed", "many"], '--seed is a whole number, not "many"'],
    ["a truth", "council", ["--exclude-self=maybe"], '--exclude-self is true or false, not "maybe"'],
    ["JSON", "batch", ["--jobs", "["], "--jobs is JSON: "],
    ["a value that is missing", "video", ["--prompt"], "--prompt needs a value"],
    ["a document that is no object", "video", ["--input", "[]"], "The input is no JSON object"],
  ])("a message names %s", async (_name, type, words, message) => {
    await expect(read(type, words)).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining(message),
    });
  });

  test("a change of an input requires nothing", async () => {
    const words = ["--intermediate-language", "german"];
    expect(await inputFrom(formOf(typeOf("translation")), words, terminal(), { partial: true })).toEqual({
      intermediate_language: "german",
    });
  });

  test("every field of every type has a flag with what it is for, and every example can be typed", async () => {
    for (const { type, example } of jobs.all) {
      const jobType = typeOf(type);
      const names = flagNames(formOf(jobType));
      for (const field of Object.keys(example)) expect(names).toContain(`--${field.replaceAll("_", "-")}`);
      expect(flagRows(formOf(jobType)).every(([flag]) => flag!.startsWith("--"))).toBe(true);
      expect(await read(type, wordsOf(exampleLine(jobType)).slice(3))).toEqual(example);
    }
  });
});

/** As a shell takes a line apart. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double),
  );
}
