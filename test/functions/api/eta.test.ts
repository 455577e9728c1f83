import { describe, expect, test } from "vitest";
import { completeCallback } from "../../../core/engine/callback.ts";
import type { JobContext } from "../../../core/engine/context.ts";
import type { AnyJobType } from "../../../core/engine/job-type.ts";
import { type SubmitRequest, submit } from "../../../core/engine/submit.ts";
import { models } from "../../../core/models/models.ts";
import { Unavailable } from "../../../core/protocol/error.ts";
import type { JobKey } from "../../../core/protocol/job.ts";
import type { Json, Millis } from "../../../core/protocol/json.ts";
import type { JobView } from "../../../core/protocol/wire.ts";
import { jobs, jobTypes } from "../../../jobs/index.ts";
import { engine, jobOf } from "../../support/engine.ts";
import { door } from "./door.ts";

const who = { tenant: "acme", by: "test" };
const text = {
  narrative: "A keeper keeps a light for sailors whom she will never meet, year after year.",
};

/** Jobs in virtual time, and the API beside them, over the same journals. `took`: seconds of a model's calls. */
async function office(took: (model: string, call: number) => number, types: AnyJobType[] = jobTypes) {
  const mock = models({ MOCK_LATENCY_MS: "0" });
  let calls = 0;
  const self = engine(types, {
    model: {
      generate: async (request, options) => {
        calls += 1;
        await self.services.sleep(took(request.model, calls) * 1000);
        return mock.generate(request, options);
      },
    },
  });
  const { services, time } = self;
  const { journal, conversations, keys, newId } = services;
  const { get } = await door({
    services: { now: time.now },
    table: { journal, conversations, keys, newId },
    jobs: types,
  });
  return {
    ...self,
    get,
    make: async (type: string, input: Json, request: Partial<SubmitRequest> = {}): Promise<JobKey> => {
      const made = await submit(services, jobs, who, { type, input, ...request });
      return made.job;
    },
    read: async ({ jobId }: JobKey): Promise<JobView> => (await get(`/api/jobs/${jobId}`)).body,
    /** Whoever asks again within a minute is told what was known before. */
    forgotten: () => time.until(services.sleep(60_000)),
  };
}

type Office = Awaited<ReturnType<typeof office>>;

/** What a job said of its end, at every percentage at which it was asked, twice a second. */
async function followed(self: Office, key: JobKey): Promise<Map<number, NonNullable<JobView["eta"]>>> {
  const said = new Map<number, NonNullable<JobView["eta"]>>();
  let over = false;
  const watching = (async () => {
    while (!over) {
      const { eta, progress } = await self.read(key);
      if (eta && progress && !said.has(progress.percentage)) said.set(progress.percentage, eta);
      await self.services.sleep(500);
    }
  })();
  await self.toEnd(key);
  over = true;
  await self.time.until(watching);
  return said;
}

const seconds = (from: Millis, to: string | null) => (Date.parse(to ?? "") - from) / 1000;

describe("when a job will end", () => {
  test("is not said until three jobs of its type have completed", async () => {
    const self = await office(() => 10);
    for (const known of [0, 1, 2, 3]) {
      const key = await self.make("projection", text);
      expect([known, (await self.read(key)).eta === null]).toEqual([known, known < 3]);
      await self.toEnd(key);
      expect((await self.read(key)).eta).toBeNull();
      await self.forgotten();
    }
  });

  test("is said as a range that narrows with every step that finishes, and holds the moment at which it really ends [A2-77]", async () => {
    // Every call takes 5 to 27 s, in no order: five of them differ by more than the last one alone.
    const self = await office((_, call) => 5 + ((call * call * 13) % 23));
    for (let count = 0; count < 12; count += 1) await self.toEnd(await self.make("projection", text));
    await self.forgotten();

    const key = await self.make("projection", text);
    const begunAt = self.time.now();
    const said = await followed(self, key);

    const job = await self.read(key);
    const endedAfter = seconds(begunAt, job.completed_at);
    const steps = [16.7, 33.3, 50, 58.3, 66.7, 75, 83.3].filter((percentage) => said.has(percentage));
    const told = steps.map((percentage) => said.get(percentage)!);
    expect(steps).toEqual(expect.arrayContaining([58.3, 66.7, 75, 83.3]));
    const widths = told.map(({ seconds_low, seconds_high }) => seconds_high - seconds_low);
    expect(widths.at(-1)).toBeLessThan(widths[0]! / 2);
    expect(told.at(-1)!.seconds).toBeLessThan(told[0]!.seconds / 2);
    for (const eta of told) {
      expect(eta.learned_from).toEqual({ jobs: expect.any(Number), same_models: true });
      expect(eta.seconds_low).toBeLessThanOrEqual(eta.seconds);
      expect(eta.seconds).toBeLessThanOrEqual(eta.seconds_high);
      expect(Math.abs(seconds(begunAt, eta.completes_at) - endedAfter)).toBeLessThan(60);
    }
  });

  test("is learned from jobs with the same models, where there are enough of them", async () => {
    const self = await office((model) => (model === "mock:curie" ? 40 : 4));
    const [fast, slow] = [
      { ...text, models: ["mock:ada"] },
      { ...text, models: ["mock:curie"] },
    ];
    for (let count = 0; count < 3; count += 1) await self.toEnd(await self.make("projection", fast));
    await self.forgotten();

    const first = await self.read(await self.make("projection", slow));
    expect(first.eta).toMatchObject({ learned_from: { same_models: false } });
    expect(first.eta!.seconds_high).toBeLessThan(60);

    for (let count = 0; count < 3; count += 1) await self.toEnd(await self.make("projection", slow));
    await self.forgotten();
    const second = await self.read(await self.make("projection", slow));
    expect(second.eta).toMatchObject({ learned_from: { jobs: 4, same_models: true } });
    expect(second.eta!.seconds_low).toBeGreaterThan(150);
    const third = await self.read(await self.make("projection", fast));
    expect(third.eta!.seconds_high).toBeLessThan(60);
  });

  test("leaves out what people took to answer, and is not said while the job waits for one", async () => {
    const type = jobOf(async (ctx: JobContext) => {
      const at = (percentage: number) =>
        ctx.progress({ current_step: "", total_steps: 3, completed_steps: 0, percentage, details: "" });
      at(10);
      await ctx.wait("before", { seconds: 20 });
      at(40);
      await ctx.ask("question", { question: "Go on?", schema: { type: "boolean" } });
      at(50);
      await ctx.wait("after", { seconds: 30 });
      return null;
    });
    const self = await office(() => 0, [type]);
    const { services, time } = self;
    const answered = async (key: JobKey, afterSeconds: number) => {
      const asks = async () => (await self.job(key)).callbacks?.find(({ ask }) => ask);
      while (!(await asks())) await pump(key);
      await time.until(services.sleep(afterSeconds * 1000));
      const waiting = await self.read(key);
      await completeCallback(services, key, (await asks())!.id, { result: true }, "test");
      return waiting;
    };
    const pump = async (key: JobKey) => {
      await self.pass(key);
      await time.until(services.sleep(1_000));
    };
    for (let count = 0; count < 3; count += 1) {
      const key = await self.submit();
      const waiting = await answered(key, 86_400);
      expect(waiting).toMatchObject({ status: "waiting", eta: null });
      await self.toEnd(key);
    }
    const { eta } = await self.read(await self.submit());
    expect(eta!.seconds).toBeGreaterThanOrEqual(50);
    expect(eta!.seconds_high).toBeLessThan(120);
  });

  test("is not known any more when a job takes longer than any before", async () => {
    let seconds = 5;
    const self = await office(() => seconds);
    for (let count = 0; count < 3; count += 1) await self.toEnd(await self.make("projection", text));
    await self.forgotten();
    seconds = 500;
    const key = await self.make("projection", text);
    const told = self.toEnd(key);
    await self.time.until(self.services.sleep(20_000));
    expect(await self.read(key)).toMatchObject({ status: "running", eta: { seconds: expect.any(Number) } });
    await self.time.until(self.services.sleep(200_000));
    expect(await self.read(key)).toMatchObject({ status: "running", eta: null });
    await self.time.until(told);
  });

  test("is left out while the store does not say how others went, and the job is read all the same", async () => {
    const self = await office(() => 5);
    for (let count = 0; count < 3; count += 1) await self.toEnd(await self.make("projection", text));
    await self.forgotten();
    const { journal } = self.services;
    const { list } = journal;
    journal.list = () => Promise.reject(new Unavailable("The table did not answer"));
    const key = await self.make("projection", text);
    expect(await self.read(key)).toMatchObject({ status: "pending", eta: null });
    journal.list = list;
    expect((await self.read(key)).eta).not.toBeNull();
  });

  test("costs no job anything: it is read out of the journals of those before, each of them once", async () => {
    const self = await office(() => 5);
    for (let count = 0; count < 4; count += 1) await self.toEnd(await self.make("projection", text));
    await self.forgotten();
    const key = await self.make("projection", text);
    const reads: string[] = [];
    const { read } = self.services.journal;
    self.services.journal.read = (job, ...rest) => {
      if (job.jobId !== key.jobId) reads.push(job.jobId);
      return read(job, ...rest);
    };
    await self.read(key);
    await self.read(key);
    expect(reads).toHaveLength(4);
    await self.toEnd(key);
    await self.forgotten();
    const next = await self.make("projection", text);
    reads.length = 0;
    await self.read(next);
    expect(reads.filter((id) => id !== next.jobId)).toEqual([]);
  });
});
