import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkReplay } from "../../core/engine/replay-check.ts";
import { memoryPayloads } from "../../core/payloads/memory.ts";
import type { Entry } from "../../core/protocol/event.ts";
import { jobs } from "../../jobs/index.ts";

const here = import.meta.dirname;
const released = readdirSync(here).filter((name) => name.includes("@"));

describe.each(released)("a journal of %s", (name) => {
  test.each(readdirSync(join(here, name)))(
    "%s is replayed by today's code as it was written",
    async (file) => {
      const lines = readFileSync(join(here, name, file), "utf8")
        .trimEnd()
        .split("\n");
      const entries = lines.map((line): Entry => JSON.parse(line));

      const verdict = await checkReplay(jobs, entries, memoryPayloads());

      expect(verdict).toEqual({ verdict: "fits" });
    },
  );
});

test("every job type has journals of its newest version: otherwise run `npm run golden` and commit them", () => {
  for (const { type, version } of jobs.all) {
    expect(existsSync(join(here, `${type}@${version}`)), `${type}@${version}`).toBe(true);
  }
});
