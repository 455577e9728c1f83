import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newConversation } from "../../core/conversations/conversation.ts";
import { batchType } from "../../core/engine/batch-job.ts";
import { completeCallback } from "../../core/engine/callback.ts";
import { cancel } from "../../core/engine/cancel.ts";
import { callbackIdOf } from "../../core/engine/ids.ts";
import type { AnyJobType } from "../../core/engine/job-type.ts";
import { submit } from "../../core/engine/submit.ts";
import { wholeJournal } from "../../core/engine/whole-journal.ts";
import { deploymentOf } from "../../core/models/deployment.ts";
import { ModelError } from "../../core/models/errors.ts";
import type { Model } from "../../core/models/model.ts";
import { models } from "../../core/models/models.ts";
import { load } from "../../core/payloads/payloads.ts";
import { type Entry, valueIn, withValue } from "../../core/protocol/event.ts";
import type { JobKey } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import type { Services } from "../../core/services.ts";
import { audit } from "../../jobs/audit/audit.ts";
import { jobs } from "../../jobs/index.ts";
import { maieutic } from "../../jobs/maieutic/maieutic.ts";
import { operation } from "../../jobs/operation/operation.ts";
import { auditors, found, input, type Script } from "../jobs/audit/script.ts";
import { chamber } from "../jobs/council/script.ts";
import { engine } from "../support/engine.ts";

/** A journal that was written on the real engine, with its values in place. */
type Recording = () => Promise<Entry[]>;

const mocks = models({ MOCK_LATENCY_MS: "0" });
const down = () => new ModelError("model_rejected", "Gone for good");

/** What a job of a type can meet. Types that are not in here have the journal of their example, with mock models. */
const shapes: Record<string, Record<string, Recording>> = {
  council: {
    "happy-path": async () => {
      const { services, council } = chamber();
      return journalOf(services, (await council()).key);
    },
    "failed-member-and-retries": async () => {
      let calls = 0;
      const busy = () => {
        calls += 1;
        return calls === 1 ? new ModelError("model_unavailable", "Busy") : "It scatters";
      };
      const { services, council } = chamber({ "answer test:ben": down, "answer test:cleo": busy });
      return journalOf(services, (await council()).key);
    },
    "ranking-not-in-the-asked-shape": async () => {
      const { services, council } = chamber({
        "rank test:cleo": () => "I like all of them.",
        "rank test:ben": ({ schema }, shown) =>
          schema
            ? new ModelError("model_rejected", "response_format is not supported")
            : `FINAL RANKING:\n${shown.map(({ label }) => label).join("\n")}`,
      });
      return journalOf(services, (await council()).key);
    },
    "quorum-not-reached": async () => {
      const { services, council } = chamber({ answer: down });
      return journalOf(services, (await council()).key);
    },
    "cancelled-in-the-middle": async () => {
      let cancelled: () => unknown = () => {};
      const self = chamber({
        chair: () => {
          cancelled();
          return { text: "wait for ever" };
        },
      });
      const key = await self.submit();
      cancelled = () => void cancel(self.services, key, "somebody");
      await self.toEnd(key);
      return journalOf(self.services, key);
    },
    "follow-up-in-a-conversation": async () => {
      const { services, submit: ask, toEnd } = chamber();
      await services.conversations.create(newConversation("acme", "talk", services.now()));
      await toEnd(await ask({}, "talk"));
      const key = await ask({ question: "And at sunset?" }, "talk");
      await toEnd(key);
      return journalOf(services, key);
    },
  },
  maieutic: {
    example: exampleOf(maieutic),
    "answered-and-projected": dialogue({
      "answer-1": { answer: "I was in the room." },
      "answer-2": { answer: "I wanted to be seen." },
      offer: { accept: true, style: "poetic" },
    }),
    "left-after-one-answer": dialogue({
      "answer-1": { answer: "I was in the room." },
      "answer-2": { answer: "quit" },
      offer: { accept: false },
    }),
    "carried-on-by-nobody": dialogue({ "answer-1": { answer: "I was in the room." } }),
  },
  audit: {
    approved: examined({ "approval-1": { approved: true } }),
    "rejected-then-approved-with-feedback": examined({
      "approval-1": { approved: false, feedback: "Treasury first" },
      feedback: { feedback: "Mind the cash" },
      "approval-2": { approved: true, feedback: "Go on" },
    }),
    "plan-that-cannot-be-read": examined(
      { "approval-1": { approved: true } },
      { plan: () => "I would rather not." },
    ),
    "cycles-that-fail": examined(
      { "approval-1": { approved: true } },
      {
        "analyze Payroll and personnel": (_request, call) => (call === 1 ? down() : found),
        "write Treasury": (_request, call) => (call <= 2 ? down() : "At last."),
        summarise: (_request, call) => (call === 1 ? down() : "The summary."),
      },
    ),
    "timed-out": examined({ "approval-1": { approved: true } }, { "write Treasury": down }),
    "rejected-too-often": examined(
      Object.fromEntries([1, 2, 3, 4].map((number) => [`approval-${number}`, { approved: false }])),
    ),
  },
  operation: {
    "asked-until-done": operated(),
    "told-at-the-callback-address": operated("told"),
  },
  notification: {
    delivered: async () => {
      const { services, submit: start, toEnd } = outside();
      const { jobId: job_id } = await start({ question: "Why?" }, { type: "router" });
      const input = { job_id, url: "https://example.com/hooks" };
      const key = await start(input, { type: "notification", dependsOn: [job_id] });
      await toEnd(key);
      return journalOf(services, key);
    },
  },
};

/** An audit on which somebody decides like this. */
function examined(answers: Record<string, Json>, script: Script = {}): Recording {
  return answered(audit, input, answers, auditors(script));
}

/** A dialogue in which somebody gives these answers, by path, and no others. */
function dialogue(answers: Record<string, Json>): Recording {
  return answered(maieutic, { ...maieutic.example, max_turns: 2, interactive: true }, answers, mocks);
}

/** A job that is answered so, by path, each when it waits for it. */
function answered({ type }: AnyJobType, input: Json, answers: Record<string, Json>, model: Model): Recording {
  return async () => {
    const own = jobs.all.filter(({ type }) => type !== batchType);
    const { services, submit: start, pass, toEnd } = engine(own, { model });
    const key = await start(input, { type });
    for (const [path, result] of Object.entries(answers)) {
      await pass(key);
      await completeCallback(services, key, callbackIdOf(key, path), { result }, "somebody");
    }
    await toEnd(key);
    return journalOf(services, key);
  };
}

/** An engine beside which there are services that do as they are told. */
function outside() {
  let asked = 0;
  return engine(
    jobs.all.filter(({ type }) => type !== batchType),
    {
      model: models({ MOCK_LATENCY_MS: "0" }),
      deployment: deploymentOf({ COUNCIL_MEMBERS: "mock:ada,mock:ben", OPERATION_HOSTS: "*" }),
      webhooks: async () => ({ status: 204, headers: {}, text: "" }),
      operations: {
        start: async (operation, { start: _start, ...rest }) => ({
          ...rest,
          operation,
          operation_id: "renders/1",
        }),
        poll: async () => {
          asked += 1;
          return asked < 4 ? { state: "pending" } : { state: "done", result: { picture: "harbour.png" } };
        },
        pollAfter: async () => ({ state: "done", result: { picture: "harbour.png" } }),
        cancel: async () => true,
        download: async () => new Uint8Array(),
      },
    },
  );
}

function operated(told?: "told"): Recording {
  return async () => {
    const { services, submit: start, pass, toEnd } = outside();
    const { type, example } = operation;
    const body = { scene: "harbour", ...(told ? { tell: "{callback_url}" } : {}) };
    const key = await start({ ...example, start: { ...example.start, body } }, { type });
    await pass(key);
    const id = callbackIdOf(key, "operation/callback");
    if (told) await completeCallback(services, key, id, { result: { status: "done" } }, "callback address");
    await toEnd(key);
    return journalOf(services, key);
  };
}

function exampleOf(jobType: AnyJobType): Recording {
  return async () => {
    const own = jobs.all.filter(({ type }) => type !== batchType);
    const { services, toEnd } = engine(own, { model: mocks });
    const request = { type: jobType.type, input: jobType.example };
    const { job } = await submit(services, jobs, { tenant: "acme", by: "somebody" }, request);
    await toEnd(job);
    return journalOf(services, job);
  };
}

async function journalOf(services: Pick<Services, "journal" | "payloads">, key: JobKey): Promise<Entry[]> {
  const { entries } = await wholeJournal(services, key);
  return Promise.all(
    entries.map(async (entry) => ({
      ...entry,
      events: await Promise.all(
        entry.events.map(async (event) => {
          const value = valueIn(event);
          return value ? withValue(event, { json: await load(services.payloads, value) }) : event;
        }),
      ),
    })),
  );
}

// A journal that was released is never written again: it stands for the jobs that began with that code.
for (const jobType of jobs.all.filter(({ type, version }) => jobs.latest(type)?.version === version)) {
  const directory = join(import.meta.dirname, `${jobType.type}@${jobType.version}`);
  mkdirSync(directory, { recursive: true });
  for (const [name, record] of Object.entries(shapes[jobType.type] ?? { example: exampleOf(jobType) })) {
    const file = join(directory, `${name}.jsonl`);
    if (existsSync(file)) continue;
    const entries = await record();
    writeFileSync(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    const end = entries.at(-1)?.events.at(-1)?.kind;
    console.log(`${jobType.type}@${jobType.version}/${name}: ${entries.length} entries, ${end}`);
  }
}
