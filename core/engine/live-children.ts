import { Unavailable } from "../protocol/error.ts";
import type { JobEvent } from "../protocol/event.ts";
import type { Millis } from "../protocol/json.ts";
import { answerParent, cancelChild, submitChild, successor } from "./children.ts";
import type { EngineServices } from "./engine-services.ts";
import type { Jobs } from "./job-type.ts";
import { patiently } from "./patience.ts";
import { openCallbacks } from "./plan.ts";
import type { Operation, Run } from "./run.ts";
import type { Tenure } from "./tenure.ts";

/** The jobs that a job in hand waits for. */
export class LiveChildren {
  /** When to look at them again. */
  lookAt: Millis = 0;
  private readonly services: EngineServices;
  private readonly jobs: Jobs;
  private readonly tenure: Tenure;
  private readonly program: Run;
  private readonly by: string;

  /** @param by - who submitted the job, and so its children. */
  constructor(services: EngineServices, jobs: Jobs, tenure: Tenure, program: Run, by: string) {
    this.services = services;
    this.jobs = jobs;
    this.tenure = tenure;
    this.program = program;
    this.by = by;
  }

  /** Begins the child of a callback that has been created, ends that of one that has expired. */
  async follow(event: JobEvent): Promise<void> {
    if (event.kind !== "callback.created" && event.kind !== "callback.expired") return;
    const { services, program, tenure } = this;
    const operation = program.find(event.step)!;
    const childId = operation.call?.kind === "callback" ? operation.call.child?.jobId : undefined;
    if (childId === undefined) return;
    if (event.kind === "callback.expired") await cancelChild(services, tenure.job, childId);
    // One that was refused has its outcome already.
    else if (!operation.outcome) await patiently(services, () => this.submit(operation));
  }

  /** Children say when they have ended. This finds out when that, or their beginning, got lost. */
  async look(): Promise<void> {
    const { services, tenure, program } = this;
    const { tenant } = tenure.job;
    this.lookAt = services.now() + services.settings.sweepSeconds * 1000;
    for (const { childJobId, decided, step } of openCallbacks(tenure.job, program)) {
      if (childJobId === undefined || decided) continue;
      try {
        const child = await successor(services, { tenant, jobId: childJobId });
        if (child) await answerParent(services, child);
        else await this.submit(program.find(step)!);
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error; // the next look may find it
      }
    }
  }

  private async submit({ call }: Operation): Promise<void> {
    if (call?.kind !== "callback" || !call.child) return;
    const { id, child } = call;
    await submitChild(this.services, this.jobs, this.tenure.job, this.by, { id, child });
  }
}
