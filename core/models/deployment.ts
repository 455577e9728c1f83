import type { ModelName } from "./model.ts";

/** What a deployment chooses for jobs that do not choose themselves. */
export type Deployment = {
  councilMembers: ModelName[];
  /** The first is the chairman, the others stand in for it in this order. */
  councilChairmen: ModelName[];
  /** Fast and cheap. */
  titleModel: ModelName;
};
