import * as z from "zod";
import { type CycleId, cycleIds } from "./cycles.ts";

/**
 * What an audit leaves in its journal, and where: the job function writes it, the views read it. Paths are part of the
 * job type's version.
 */
export const pathOf = {
  plan: (number: number) => `plan-${number}`,
  approval: (number: number) => `approval-${number}`,
  cycle: (cycle: number) => `cycle-${cycle}`,
};

/** Below `plan-<number>` and `cycle-<number>`: the plan itself, and what a cycle came to. */
export const leaf = { plan: "plan", outcome: "outcome" };

export const agents = ["planner", "analyzer", "writer", "consolidator"] as const;
export type Agent = (typeof agents)[number];

/** The words of a path, and who is at work there. */
const worker: Record<string, Agent> = { analyze: "analyzer", write: "writer", consolidate: "consolidator" };

/** The planner reads the report once, whatever becomes of its plans. */
export const reportPath = "report";

type Place =
  | { of: "plan" | "approval"; number: number; leaf?: string }
  | { of: "cycle"; number: number; agent?: Agent; section?: CycleId; leaf?: string };

/** @returns undefined for a path at which there is nothing to see. */
export function placeOf(path: string): Place | undefined {
  const [, of, digits, leaf] = /^(plan|approval|cycle)-(\d+)(?:\/(.*))?$/.exec(path) ?? [];
  if (!of) return undefined;
  const number = Number(digits);
  if (of !== "cycle") return { of: of as "plan" | "approval", number, ...(leaf ? { leaf } : {}) };
  const [, verb = "", id] = /^(analyze|write|consolidate)(?:-([a-z_]+))?/.exec(leaf ?? "") ?? [];
  const agent = worker[verb];
  const section = cycleIds.find((known) => known === id);
  return {
    of: "cycle",
    number,
    ...(agent ? { agent } : {}),
    ...(section ? { section } : {}),
    ...(leaf ? { leaf } : {}),
  };
}

/** The decision on a plan, as a form. */
export const approval = z.strictObject({
  approved: z.boolean(),
  feedback: z.string().max(4_000).optional(),
});
export type Approval = z.infer<typeof approval>;

/** Words of people while the audit is at work: a callback, and the next one when it has been answered. */
export const feedbackPath = "feedback";
export const feedbackForm = z.strictObject({ feedback: z.string().trim().min(1).max(4_000) });

export const reactStep = z
  .object({
    agent: z.enum([...agents, "human"]),
    thought: z.string(),
    action: z.string(),
    observation: z.string(),
    timestamp: z.string(),
  })
  .meta({ id: "ReactStep" });
export type ReactStep = z.infer<typeof reactStep>;

export const cycleError = z
  .object({
    cycle: z.int(),
    agent: z.enum(agents),
    section: z.enum(cycleIds).nullable(),
    code: z.string(),
    message: z.string(),
    at: z.string(),
  })
  .meta({ id: "CycleError", description: "What did not work in one cycle; the next one ran all the same" });
export type CycleError = z.infer<typeof cycleError>;

/** What one cycle came to. Without a section it was the consolidation. */
export type CycleOutcome = {
  section: CycleId | null;
  notes: ReactStep[];
  error?: CycleError;
};
