import { describe, expect, test } from "vitest";
import * as z from "zod";
import { completeCallback, heartbeat } from "../../../core/engine/callback.ts";
import { cancel } from "../../../core/engine/cancel.ts";
import type { JobContext } from "../../../core/engine/context.ts";
import { Conflict, Forbidden, InvalidRequest, NotFound, StepError } from "../../../core/protocol/error.ts";
import type { JobKey } from "../../../core/protocol/job.ts";
import type { Json } from "../../../core/protocol/json.ts";
import { crashes, dieAt } from "../../support/crashes.ts";
import { engine, jobOf } from "../../support/engine.ts";

/** What a job makes of a failure, for tests to look at. */
async function told(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    return error instanceof StepError ? { code: error.code, message: error.message } : String(error);
  }
}

/** Somebody outside answers as soon as the submitter has told them of the callback. */
function approval(answer: Json = { approved: true }) {
  const ids: string[] = [];
  const type = jobOf(async (ctx) =>
    ctx.waitForCallback<Json>("approval", async (callbackId) => {
      ids.push(callbackId);
    }),
  );
  const job = engine(type);
  const answerAt = async (key: JobKey, by = "ann", with_: Json = answer) =>
    completeCallback(job.services, key, ids[0]!, { result: with_ }, by);
  return { ...job, ids, answerAt };
}

async function parked(job: ReturnType<typeof engine>, key: JobKey) {
  for (const { job: woken } of job.services.queue.receive())
    expect((await job.pass(woken)).end).toBe("parked");
  return (await job.services.journal.head(key))!;
}

describe("a callback", () => {
  test("is on record before whoever answers hears of it, and holds no worker until they do", async () => {
    const job = approval();
    const key = await job.submit();
    const head = await parked(job, key);
    const entries = await job.entries(key);
    expect(entries.map(({ events }) => events.map(({ kind }) => kind).join(","))).toEqual([
      "job.submitted",
      "job.claimed,callback.created,step.started",
      "step.completed,job.released",
    ]);
    expect(head.status).toBe("waiting");
    // Nothing but its age would ever wake it.
    expect(head.due! - head.startedAt!).toBeGreaterThan(job.services.settings.maxAgeMs);
    expect(head.callbacks).toMatchObject([{ id: job.ids[0], step: "approval/callback" }]);
    expect(job.ids[0]!.startsWith(`${key.jobId}.`)).toBe(true);

    await job.answerAt(key);
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ approved: true });
    expect((await job.kinds(key)).slice(-4)).toEqual([
      "callback.completed",
      "job.claimed",
      "wait.ended",
      "job.completed",
    ]);
  });

  test("that nobody answers in time fails with callback_timeout, on record before the job is told", async () => {
    const job = engine(
      jobOf(async (ctx) => {
        const [promise] = await ctx.createCallback("slow", { timeout: { hours: 2 } });
        return told(() => promise);
      }),
    );
    const key = await job.submit();
    const head = await parked(job, key);
    expect(head.due! - head.startedAt!).toBe(2 * 3_600_000);
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ code: "callback_timeout", message: "Callback timed out" });
    const entries = (await job.entries(key)).map(({ events }) => events.map(({ kind }) => kind).join());
    expect(entries.slice(-2)).toEqual(["job.claimed,callback.expired", "wait.ended,job.completed"]);
  });

  test("needs signs of life where it asks for them, and each one gives it time", async () => {
    const ids: string[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        const [promise, id] = await ctx.createCallback("beat", { heartbeatTimeout: { minutes: 10 } });
        ids.push(id);
        return told(() => promise);
      }),
    );
    const key = await job.submit();
    await parked(job, key);
    const { now } = job.time;
    const begun = now();
    for (let beat = 0; beat < 5; beat += 1) {
      job.time.advance(9 * 60_000);
      await heartbeat(job.services, key, ids[0]!, "robot");
      await job.pass(key);
    }
    expect((await job.job(key)).status).toBe("waiting");
    await job.toEnd(key);
    expect(await job.result(key)).toMatchObject({ code: "callback_heartbeat_missed" });
    expect(now() - begun).toBeGreaterThan(54 * 60_000);
    await expect(heartbeat(job.services, key, ids[0]!, "robot")).rejects.toThrow(Conflict);
    // Signs of life are no reason for a claim.
    expect((await job.kinds(key)).filter((kind) => kind === "job.claimed")).toHaveLength(2);
  });

  test("is decided once: who says the same is told the same, who says otherwise is told what stands [I9]", async () => {
    const job = approval();
    const key = await job.submit();
    await parked(job, key);
    const first = await job.answerAt(key, "ann");
    expect(first).toMatchObject({ outcome: "succeeded", by: "ann", step: "approval/callback" });
    expect(await job.answerAt(key, "ben")).toEqual(first);
    await expect(job.answerAt(key, "ben", { approved: false })).rejects.toThrow(
      /was answered before: it succeeded/,
    );
    await job.toEnd(key);
    // Given out and over: still the same.
    expect(await job.answerAt(key, "ben")).toEqual(first);
    await expect(job.answerAt(key, "ben", null)).rejects.toThrow(Conflict);
    expect((await job.kinds(key)).filter((kind) => kind === "callback.completed")).toHaveLength(1);
    const nobody = completeCallback(job.services, key, `${key.jobId}.AAAAAAAAAAAAAAAA`, { result: 1 }, "ann");
    await expect(nobody).rejects.toThrow(Conflict);
  });

  test("that was never made is not found, in a job or without one", async () => {
    const job = approval();
    const key = await job.submit();
    await parked(job, key);
    const answer = { result: null };
    await expect(completeCallback(job.services, key, "no", answer, "ann")).rejects.toThrow(NotFound);
    const stranger = { ...key, jobId: "nobody" };
    await expect(completeCallback(job.services, stranger, "no", answer, "ann")).rejects.toThrow(NotFound);
  });

  test("can be answered with a failure, which the job may catch", async () => {
    const ids: string[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        const [promise, id] = await ctx.createCallback("render");
        ids.push(id);
        return told(() => promise);
      }),
    );
    const key = await job.submit();
    await parked(job, key);
    const failure = { code: "no_credit", message: "The account is empty" };
    await completeCallback(job.services, key, ids[0]!, { failure }, "provider");
    await job.toEnd(key);
    expect(await job.result(key)).toEqual(failure);
  });

  test("an answer that arrives between a pass's look and its parking keeps it from parking", async () => {
    const job = approval();
    const { journal } = job.services;
    const { append } = journal;
    const key = await job.submit();
    let answered = false;
    journal.append = async (entry, along) => {
      if (!answered && entry.events.some(({ kind }) => kind === "job.released")) {
        answered = true;
        await job.answerAt(key);
      }
      return append.call(journal, entry, along);
    };
    for (const { job: woken } of job.services.queue.receive()) {
      expect(await job.pass(woken)).toEqual({ end: "finished", status: "completed" });
    }
    expect(await job.kinds(key)).not.toContain("job.released");
    expect(await job.result(key)).toEqual({ approved: true });
  });

  test("an answer and a time-out: whichever is first in the journal stands", async () => {
    const ids: string[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        const [promise, id] = await ctx.createCallback<Json>("tight", { timeout: { minutes: 1 } });
        ids.push(id);
        return told(() => promise);
      }),
    );
    const { journal } = job.services;
    const { append } = journal;
    const key = await job.submit();
    let answered = false;
    journal.append = async (entry, along) => {
      if (!answered && entry.events.some(({ kind }) => kind === "callback.expired")) {
        answered = true;
        await completeCallback(job.services, key, ids[0]!, { result: "just in time" }, "ann");
      }
      return append.call(journal, entry, along);
    };
    await job.toEnd(key);
    expect(await job.result(key)).toBe("just in time");
    expect(await job.kinds(key)).not.toContain("callback.expired");
  });

  test("an answer that comes after the time-out is told that it has expired", async () => {
    const ids: string[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        const [promise, id] = await ctx.createCallback("tight", { timeout: { minutes: 1 } });
        ids.push(id);
        await told(() => promise);
        await ctx.wait("on", { hours: 1 });
      }),
    );
    const key = await job.submit();
    await parked(job, key);
    job.time.advance(61_000);
    await job.pass(key);
    await expect(
      completeCallback(job.services, key, ids[0]!, { result: "late" }, "ann"),
    ).rejects.toMatchObject({ code: "conflict", details: { outcome: "expired" } });
  });

  test("a worker that is busy with something else sees the answer and gives it", async () => {
    const order: string[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        const [promise, id] = await ctx.createCallback<Json>("answer");
        const long = ctx.step("long", async () => {
          await job.time.sleep(2_000);
          await completeCallback(job.services, key, id, { result: 1 }, "ann");
          await job.time.sleep(60_000);
          order.push("long");
        });
        await promise;
        order.push("answer");
        await ctx.step("after", async () => order.push("after"));
        await long;
        return order;
      }),
    );
    const key = await job.submit();
    await job.toEnd(key);
    expect(order).toEqual(["answer", "after", "long"]);
    expect((await job.job(key)).hops).toBe(1);
  });

  test("a cancel ends what waits, and an answer after it is told so", async () => {
    const job = approval();
    const key = await job.submit();
    await parked(job, key);
    await cancel(job.services, key, "ann");
    await job.toEnd(key);
    expect((await job.job(key)).status).toBe("cancelled");
    await expect(job.answerAt(key)).rejects.toThrow(/has ended: it is cancelled/);
  });

  test("that is never awaited does not hold up the end of its job", async () => {
    const job = engine(
      jobOf(async (ctx) => {
        await ctx.createCallback("whatever");
        return ctx.step("work", async () => "done");
      }),
    );
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toBe("done");
  });

  test("a submitter that fails is sent again by its retry strategy, and its failure is the callback's", async () => {
    let tries = 0;
    const flaky = (limit: number) => async (ctx: JobContext) =>
      told(() =>
        ctx.waitForCallback(
          "approval",
          async (callbackId) => {
            tries += 1;
            if (tries < limit) throw new Error("mail server down");
            await completeCallback(job.services, key, callbackId, { result: "yes" }, "ann");
          },
          {
            retryStrategy: (_error, attempt) =>
              attempt < 3 ? { shouldRetry: true, delay: { minutes: 5 } } : { shouldRetry: false },
          },
        ),
      );
    let job = engine(jobOf(flaky(3)));
    let key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toBe("yes");
    tries = 0;
    job = engine(jobOf(flaky(100)));
    key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ code: "error", message: "mail server down" });
    expect(tries).toBe(3);
  });

  test("a serdes reads what came from outside as text", async () => {
    const ids: string[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        const [promise, id] = await ctx.createCallback("date", {
          serdes: { deserialize: async (text) => new Date(text!) },
        });
        ids.push(id);
        return (await promise).getFullYear();
      }),
    );
    const key = await job.submit();
    await parked(job, key);
    await completeCallback(job.services, key, ids[0]!, { result: "2031-05-06T00:00:00Z" }, "ann");
    await job.toEnd(key);
    expect(await job.result(key)).toBe(2031);
  });

  test("a large answer is kept by reference and given whole", async () => {
    const job = approval("x".repeat(100_000));
    const key = await job.submit();
    await parked(job, key);
    const first = await job.answerAt(key);
    expect(await job.answerAt(key)).toEqual(first);
    await job.toEnd(key);
    expect(await job.result(key)).toBe("x".repeat(100_000));
    const answered = (await job.events(key)).find((event) => event.kind === "callback.completed");
    expect(answered).toMatchObject({ result: { ref: { bytes: 100_002 } } });
  });

  test.each(crashes)("a worker that dies %s its write %i costs nothing", async (when, place) => {
    const calls: string[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        const answers = Promise.all([
          ctx.waitForCallback<Json>("a", async (id) => {
            calls.push("a");
            await completeCallback(job.services, key, id, { result: "a" }, "ann").catch(() => {});
          }),
          ctx.createCallback("b", { timeout: { minutes: 3 } }).then(([b]) => told(() => b)),
        ]);
        const step = await ctx.step("work", async () => "work");
        const [a, b] = await answers;
        return ctx.step("end", async () => [step, a, (b as { code: string }).code]);
      }),
    );
    dieAt(job, place, when);
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toEqual(["work", "a", "callback_timeout"]);
    const kinds = await job.kinds(key);
    expect(kinds.filter((kind) => kind === "callback.created")).toHaveLength(2);
    expect(kinds.filter((kind) => kind === "callback.completed")).toHaveLength(1);
    expect(kinds.filter((kind) => kind === "wait.ended")).toHaveLength(2);
  });
});

describe("a question to a person", () => {
  const form = z.strictObject({ approved: z.boolean(), comment: z.string().max(10).optional() });
  const question = (config: object = {}) => {
    const job = engine(
      jobOf(async (ctx) => told(() => ctx.ask("may I?", { question: "May I?", schema: form, ...config }))),
    );
    const answer = async (key: JobKey, result: Json, by = "ann") => {
      const [open] = (await job.services.journal.head(key))!.callbacks!;
      return completeCallback(job.services, key, open!.id, { result }, by);
    };
    return { ...job, answer };
  };

  test("is answered with what fits its form, and nothing is written of what does not", async () => {
    const job = question();
    const key = await job.submit();
    const { callbacks } = await parked(job, key);
    expect(callbacks![0]!.ask).toMatchObject({
      question: "May I?",
      schema: { type: "object", required: ["approved"] },
    });
    const before = await job.kinds(key);
    const wrongs: Json[] = [{ approved: "yes" }, {}, null, { approved: true, more: 1 }];
    for (const wrong of wrongs) {
      await expect(job.answer(key, wrong)).rejects.toThrow(InvalidRequest);
    }
    await expect(job.answer(key, { approved: 1 })).rejects.toMatchObject({
      details: { errors: [{ field: "result.approved" }] },
    });
    expect(await job.kinds(key)).toEqual(before);
    await job.answer(key, { approved: true });
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ approved: true });
  });

  test("may be for some only, who alone may also refuse it", async () => {
    const job = question({ answerers: ["ben"] });
    const key = await job.submit();
    await parked(job, key);
    await expect(job.answer(key, { approved: true })).rejects.toThrow(Forbidden);
    const { id } = (await job.job(key)).callbacks![0]!;
    const refusal = { failure: { code: "no", message: "Not by me" } };
    await expect(completeCallback(job.services, key, id, refusal, "ann")).rejects.toThrow(Forbidden);
    await job.answer(key, { approved: false }, "ben");
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ approved: false });
  });

  test("reminds once, and takes its default at the deadline", async () => {
    const job = question({
      deadline: { days: 2 },
      reminder: { days: 1 },
      default: { approved: false, comment: "silence" },
    });
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ approved: false, comment: "silence" });
    const events = (await job.events(key)).filter(({ kind }) => /reminded|expired/.test(kind));
    expect(events.map(({ kind }) => kind)).toEqual(["callback.reminded", "callback.expired"]);
    expect(events[1]!.at - events[0]!.at).toBeGreaterThan(23 * 3_600_000);
  });

  test("without a default fails at the deadline", async () => {
    const job = question({ deadline: { hours: 1 } });
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toMatchObject({ code: "ask_expired" });
  });

  test("takes a JSON Schema as it is", async () => {
    const job = question({ schema: { type: "integer", minimum: 1, maximum: 5 } });
    const key = await job.submit();
    await parked(job, key);
    await expect(job.answer(key, 6)).rejects.toThrow(InvalidRequest);
    await job.answer(key, 5);
    await job.toEnd(key);
    expect(await job.result(key)).toBe(5);
  });
});
