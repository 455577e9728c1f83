import { registry } from "../../../core/engine/registry.ts";
import { journey } from "./journey.ts";

export const jobs = registry([journey(1, "pack", ["walk"])]);
