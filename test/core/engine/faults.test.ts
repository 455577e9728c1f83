import { describe, expect, test } from "vitest";
import { cancel } from "../../../core/engine/cancel.ts";
import type { JobContext } from "../../../core/engine/context.ts";
import type { Journal } from "../../../core/journal/journal.ts";
import { seededRandom } from "../../../core/memory.ts";
import { Unavailable } from "../../../core/protocol/error.ts";
import type { Recorded } from "../../../core/protocol/event.ts";
import { engine, jobOf } from "../../support/engine.ts";

/** Three stages, a wait and a step that fails once: everything that a journal can hold. */
function story(calls: string[]) {
  const failed = new Set<string>();
  return jobOf(async (ctx: JobContext) => {
    const step = (name: string) =>
      ctx.step(name, async ({ attempt }) => {
        calls.push(`${name}@${attempt}`);
        if (name === "b" && !failed.has(name)) {
          failed.add(name);
          throw new Error("once");
        }
        return name;
      });
    const first = await Promise.all(["a", "b", "c"].map(step));
    await ctx.wait("pause", { minutes: 10 });
    const second = await Promise.all(["d", "e"].map(step));
    return [...first, ...second, await step("f")].join("");
  });
}

function checkJournal(events: Recorded[], calls: string[]) {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const completed = events.flatMap((event) => (event.kind === "step.completed" ? [event.step] : []));
  expect(new Set(completed).size).toBe(completed.length);
  const ends = events.filter(({ kind }) => /^job\.(completed|failed|cancelled)$/.test(kind));
  expect(ends).toHaveLength(1);
  expect(events.at(-1)).toBe(ends[0]);
  // Every call had its intent on record, and no attempt was made twice.
  const intents = events.flatMap((event) =>
    event.kind === "step.started" ? event.steps.map(({ step, attempt }) => `${step}@${attempt}`) : [],
  );
  expect(new Set(intents).size).toBe(intents.length);
  expect(new Set(calls).size).toBe(calls.length);
  expect(intents).toEqual(expect.arrayContaining(calls));
}

/** Attempts with an intent and no outcome: the only ones that may be paid for twice. */
function unaccounted(events: Recorded[]): string[] {
  const outcomes = new Set(
    events.flatMap((event) =>
      event.kind === "step.completed" || event.kind === "step.failed"
        ? [`${event.step}@${event.attempt}`]
        : [],
    ),
  );
  return events
    .flatMap((event) =>
      event.kind === "step.started" ? event.steps.map(({ step, attempt }) => `${step}@${attempt}`) : [],
    )
    .filter((attempt) => !outcomes.has(attempt));
}

const never = new Promise<never>(() => {});

describe("a worker that dies at any write", () => {
  const places = Array.from({ length: 14 }, (_, n) => n);
  for (const when of ["before", "after"] as const) {
    test.each(places)(
      `${when} its append number %i: same result, nothing that finished is repeated [A0-02] [A3-11]`,
      async (place) => {
        const calls: string[] = [];
        const job = engine(story(calls));
        const { journal } = job.services;
        const { append, renew } = journal;
        let appends = 0;
        let dead: string | undefined;
        const die = (by: string) => {
          dead = by;
          job.workersDie();
          return never;
        };
        journal.append = async (entry, along) => {
          if (entry.by === dead) return never;
          const last = appends++ === place;
          if (last && when === "before") return die(entry.by);
          const written = await append.call(journal, entry, along);
          return last ? die(entry.by) : written;
        };
        journal.renew = (head) => (head.lease?.by === dead ? never : renew.call(journal, head));
        const key = await job.submit();
        const ended = await job.toEnd(key);
        expect(ended.status).toBe("completed");
        expect(await job.result(key)).toBe("abcdef");
        const events = await job.events(key);
        checkJournal(events, calls);
        const repeated = calls.filter((call) => calls.some((other) => other !== call && later(other, call)));
        expect(unaccounted(events)).toEqual(
          expect.arrayContaining(repeated.filter((call) => !call.startsWith("b@"))),
        );
      },
    );
  }
});

/** `a@2` after `a@1`. */
function later(a: string, b: string): boolean {
  const [nameA, attemptA] = a.split("@");
  const [nameB, attemptB] = b.split("@");
  return nameA === nameB && Number(attemptA) > Number(attemptB);
}

test("a journal that throttles, fails and loses its answers changes nothing but the time: 200 seeds [A0-03]", async () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const calls: string[] = [];
    const random = seededRandom(seed);
    const job = engine(story(calls), { random: seededRandom(seed + 1_000_000) });
    const { journal } = job.services;
    makeUnreliable(journal, random);
    const key = await job.submit();
    const ended = await job.toEnd(key);
    expect(ended.status, `seed ${seed}`).toBe("completed");
    expect(await job.result(key), `seed ${seed}`).toBe("abcdef");
    checkJournal(await job.events(key), calls);
  }
});

function makeUnreliable(journal: Journal, random: () => number): void {
  const { append, renew, postpone } = journal;
  const lose = async <T>(write: () => Promise<T>): Promise<T> => {
    const fate = random();
    if (fate < 0.1) throw new Unavailable("throttled");
    const answer = await write();
    if (fate < 0.2) throw new Unavailable("the answer got lost");
    return answer;
  };
  journal.append = (entry, along) => lose(() => append.call(journal, entry, along));
  journal.renew = (head) => lose(() => renew.call(journal, head));
  journal.postpone = (job, to) => lose(() => postpone.call(journal, job, to));
}

describe("a cancel at any moment", () => {
  const places = Array.from({ length: 12 }, (_, n) => n);
  test.each(places)(
    "acknowledged after append number %i: the job ends as cancelled [A2-50]",
    async (place) => {
      const calls: string[] = [];
      const job = engine(story(calls));
      const { journal } = job.services;
      const append = journal.append.bind(journal);
      let appends = 0;
      let answer: string | undefined;
      journal.append = async (entry, along) => {
        const written = await append(entry, along);
        if (appends++ === place) {
          const asked = await cancel(job.services, key, "somebody");
          answer = asked?.end;
        }
        return written;
      };
      const key = await job.submit();
      const ended = await job.toEnd(key);
      if (answer === undefined || answer === "already ended") expect(ended.status).toBe("completed");
      else expect(ended.status).toBe("cancelled");
      checkJournal(await job.events(key), calls);
      expect(unaccounted(await job.events(key)).length).toBeLessThanOrEqual(3);
    },
  );
});

test("a cancel aborts a running call within seconds and its worker ends the job", async () => {
  let aborted = false;
  const job = engine(
    jobOf(async (ctx) =>
      ctx.step(
        "long call",
        (step) =>
          new Promise((_, reject) => {
            step.signal.addEventListener("abort", () => {
              aborted = true;
              reject(step.signal.reason);
            });
            void cancel(job.services, key, "somebody");
          }),
      ),
    ),
  );
  const key = await job.submit();
  const before = job.time.now();
  expect(await job.pass(key)).toEqual({ end: "finished", status: "cancelled" });
  expect(aborted).toBe(true);
  expect(job.time.now() - before).toBeLessThan(6_000);
});

test("a job that nobody works on is cancelled by the next worker without running its function", async () => {
  let begun = false;
  const job = engine(
    jobOf(async () => {
      begun = true;
    }),
  );
  const key = await job.submit();
  await cancel(job.services, key, "somebody");
  expect((await job.toEnd(key)).status).toBe("cancelled");
  expect(begun).toBe(false);
});

test("a message that nobody sent is made up for by the sweeper", async () => {
  const job = engine(jobOf(async () => "found"));
  const key = await job.submit();
  job.services.queue.waiting = [];
  expect((await job.toEnd(key)).status).toBe("completed");
});
