import type { Concurrency } from "../../core/engine/job-type.ts";
import type { Entry } from "../../core/protocol/event.ts";
import type { Plan } from "./jobs.ts";
import type { Shift, World } from "./world.ts";

/** A tenant that has never more than a job or two, and waits for nobody. */
export const quietTenant = "initech";
/** From the submit to the claim when nobody else is there: four calls of up to 40 ms, and the queue's own time. */
const idleStartMs = 200;

type Limits = { perTenant: number; perType: Concurrency<Plan> | undefined };

/** What limits are for, checked from outside: who works at the same time, and how long others wait. */
export class SlotLaws {
  /** Somebody has many jobs at work. */
  flooded = false;
  readonly #world: World;
  readonly #limits: Limits;
  readonly #working = new Set<Shift>();

  constructor(world: World, limits: Limits) {
    this.#world = world;
    this.#limits = limits;
  }

  /** More than one tenant can keep busy, so that another one finds a free one. */
  get enoughInvocations(): number {
    return 2 * this.#limits.perTenant + 1;
  }

  /**
   * A step begins. Slots are leased: one whose holder was silent for too long, or whose end was seen by a wrong clock,
   * is another's by right.
   */
  works(shift: Shift): void {
    if (this.#world.replaying) return;
    this.#working.add(shift);
    const { perTenant, perType } = this.#limits;
    const { clocksOff, ledger } = this.#world;
    if (clocksOff) return;
    const { tenant, jobId } = shift.job;
    const { type } = ledger.stateOf(jobId);
    const holders = [...this.#working].filter(({ sandbox }) => !sandbox.dead && sandbox.faults === 0);
    const ofTenant = holders.filter(({ job }) => job.tenant === tenant);
    if (ofTenant.length > perTenant)
      ledger.violated(`Limit: ${ofTenant.length} jobs of ${tenant} at work, where ${perTenant} may be`);
    if (!perType || type !== "storm") return;
    const counted = (perType.per === "tenant" ? ofTenant : holders).filter(
      ({ job }) => ledger.stateOf(job.jobId).type === type,
    );
    if (counted.length > perType.limit)
      ledger.violated(`Limit: ${counted.length} jobs of a type at work, where ${perType.limit} may be`);
  }

  rests(shift: Shift): void {
    this.#working.delete(shift);
  }

  /** L3: behind one who floods the service a quiet tenant waits at most twice as long as when nobody is there. */
  committed({ tenant, jobId, events }: Entry): void {
    const { faults, ledger, time } = this.#world;
    if (tenant !== quietTenant || !faults.over || !events.some(({ kind }) => kind === "job.claimed")) return;
    const { committedAt, state } = ledger.pasts.get(jobId)!;
    if (state.hops > 1 || this.#limits.perType?.per === "deployment") return;
    const waitedMs = time.now() - committedAt[0]!;
    if (waitedMs > (this.flooded ? 2 : 1) * idleStartMs)
      ledger.violated(`L3 job ${jobId} of a quiet tenant begins after ${waitedMs} ms`);
  }
}
