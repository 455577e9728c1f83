import { registry } from "../../../core/engine/registry.ts";
import { journey } from "./journey.ts";

/** The other way as a version of its own, beside the one that jobs have begun with. */
export const jobs = registry([journey(2, "buy a ticket", ["fly"]), journey(1, "pack", ["walk"])]);
