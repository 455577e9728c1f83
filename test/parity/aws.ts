import { type DurableContext, withDurableExecution } from "@aws/durable-execution-sdk-js";
import {
  type DurableOperation,
  LocalDurableTestRunner,
  WaitingOperationStatus,
} from "@aws/durable-execution-sdk-js-testing";
import { type Answer, type JobFunction, type Operation, type Outcome, traced } from "./vocabulary.ts";

/** Runs a job function under AWS's own local runner, whose environment must be set up. */
export async function underAws(job: JobFunction, answers: Answer[] = []): Promise<Outcome> {
  const { effects, did } = traced();
  const world = {
    did,
    sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
  };
  const handlerFunction = withDurableExecution((_input: unknown, ctx: DurableContext) => job(ctx, world));
  const runner = new LocalDurableTestRunner({ handlerFunction });
  const running = runner.run({ payload: {} });
  const asked = answers.map(async ({ callback, ...answer }) => {
    const operation = runner.getOperation(callback);
    await operation.waitForData();
    if (operation.isWaitForCallback()) await operation.waitForData(WaitingOperationStatus.SUBMITTED);
    return { operation, answer };
  });
  for (const { operation, answer } of await Promise.all(asked)) {
    if ("result" in answer) await operation.sendCallbackSuccess(answer.result);
    else await operation.sendCallbackFailure({ ErrorType: "Refused", ErrorMessage: answer.error });
  }
  const execution = await running;
  const ended =
    execution.getStatus() === "SUCCEEDED"
      ? { result: execution.getResult() ?? null }
      : { error: execution.getError().errorMessage ?? "" };
  return { ended, effects, operations: operationsOf(execution.getOperations()) };
}

/** The two operations that `waitForCallback` is made of have no names there. */
const unnamed: Record<string, string> = { CALLBACK: "callback", STEP: "submitter" };

/** Names repeat and positions are the identity there, so paths are made here: numbered in the order of the calls. */
function operationsOf(all: DurableOperation[]): Operation[] {
  const paths = new Map<string, string>();
  const operations: Operation[] = [];
  for (const operation of all) {
    const type = operation.getType()!;
    const parentId = operation.getParentId();
    const wanted = `${parentId === undefined ? "" : `${paths.get(parentId)}/`}${operation.getName() ?? unnamed[type]}`;
    const earlier = [...paths.values()].filter((path) => path.replace(/#\d+$/, "") === wanted).length;
    const path = earlier === 0 ? wanted : `${wanted}#${earlier + 1}`;
    paths.set(operation.getId()!, path);
    const status = operation.getStatus() as Operation["status"];
    if (type === "STEP") {
      operations.push({ path, kind: "step", status, attempts: operation.getStepDetails()?.attempt ?? 1 });
    } else if (type === "WAIT" || type === "CALLBACK") {
      operations.push({ path, kind: type === "WAIT" ? "wait" : "callback", status });
    }
  }
  return operations.sort((a, b) => (a.path < b.path ? -1 : 1));
}
