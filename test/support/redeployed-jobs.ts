import { registry } from "../../core/engine/registry.ts";
import { generation } from "../../jobs/generation/generation.ts";

/** What a later deployment knows: the same generation, in another bundle, under other words in the list of types. */
export const jobs = registry([{ ...generation, summary: "As deployed anew" }]);
