import type { Json } from "../../core/protocol/json.ts";
import type { Work } from "./work.ts";

/** What every view of a job type is given. */
export type Shown = {
  jobId: string;
  input: Json | undefined;
  /** Defined once the job has completed. */
  result: Json | undefined;
  /** What the job has done so far. */
  work: Work;
};
