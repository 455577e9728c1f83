import { completeCallback } from "../../core/engine/callback.ts";
import type { Recorded } from "../../core/protocol/event.ts";
import { engine, jobOf } from "../support/engine.ts";
import { type Answer, type JobFunction, type Operation, type Outcome, traced } from "./vocabulary.ts";

/** Runs a job function under this engine, in memory and in virtual time. */
export async function underConvoke(job: JobFunction, answers: Answer[] = []): Promise<Outcome> {
  const { effects, did } = traced();
  const world = { did, sleep: (ms: number) => running.time.sleep(ms) };
  const running = engine(jobOf((ctx) => job(ctx, world)));
  const key = await running.submit();

  /** Looks once a minute, and answers when everything that there is an answer to has been asked. */
  async function somebodyOutside() {
    for (;;) {
      await running.time.sleep(60_000);
      const { callbacks = [] } = await running.job(key);
      const asked = answers.map(({ callback, ...answer }) => {
        const open = callbacks.find(({ step }) => isAt(step, callback));
        return open && { id: open.id, answer };
      });
      if (asked.includes(undefined)) continue;
      for (const one of asked) {
        const { id, answer } = one!;
        const told =
          "result" in answer
            ? answer
            : { failure: { code: "refused", name: "Refused", message: answer.error } };
        await completeCallback(running.services, key, id, told, "somebody outside");
      }
      return;
    }
  }

  const [{ failure }] = await Promise.all([
    running.toEnd(key),
    answers.length > 0 ? somebodyOutside() : undefined,
  ]);
  const ended = failure ? { error: failure.message } : { result: await running.result(key) };
  return { ended, effects, operations: operationsOf(await running.events(key)) };
}

/** The callback of that name, or the one that a `waitForCallback` of that name has made. */
function isAt(path: string, name: string): boolean {
  return [name, `${name}/callback`].some((end) => `/${path}`.endsWith(`/${end}`));
}

function operationsOf(events: Recorded[]): Operation[] {
  const operations = new Map<string, Operation>();
  const at = (path: string) => operations.get(path)!;
  for (const event of events) {
    switch (event.kind) {
      case "step.started":
        for (const { step: path, attempt } of event.steps) {
          operations.set(path, { path, kind: "step", status: "STARTED", attempts: attempt });
        }
        break;
      case "step.completed":
        at(event.step).status = "SUCCEEDED";
        break;
      case "step.failed":
        at(event.step).status = event.retryAt ? "PENDING" : "FAILED";
        break;
      case "condition.checked":
        at(event.step).status = "PENDING";
        break;
      case "wait.started":
        operations.set(event.step, { path: event.step, kind: "wait", status: "STARTED" });
        break;
      case "wait.ended":
        if (at(event.step).kind === "wait") at(event.step).status = "SUCCEEDED";
        break;
      case "callback.created":
        operations.set(event.step, { path: event.step, kind: "callback", status: "STARTED" });
        break;
      case "callback.completed":
        at(event.step).status = event.failure ? "FAILED" : "SUCCEEDED";
        break;
      case "callback.expired":
        at(event.step).status = "TIMED_OUT";
        break;
    }
  }
  return [...operations.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
