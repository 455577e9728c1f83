import { registry } from "../../../core/engine/job-type.ts";
import { journey } from "./journey.ts";

export const jobs = registry([journey(1, "pack", ["walk"])]);
