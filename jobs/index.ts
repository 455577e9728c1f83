import { registry } from "../core/engine/job-type.ts";
import { council } from "./council/council.ts";

/** Every kind of work that this deployment knows. */
export const jobs = registry([council]);
