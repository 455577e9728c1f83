import { registry } from "../../../core/engine/registry.ts";
import { journey } from "./journey.ts";

/** Another way under the same number, which is the mistake that versions are there for. */
export const jobs = registry([journey(1, "buy a ticket", ["fly"])]);
