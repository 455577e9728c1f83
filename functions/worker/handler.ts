import { logger } from "../../core/logger.ts";
import { services } from "../../core/services.ts";
import { jobs } from "../../jobs/index.ts";
import { worker } from "./worker.ts";

export const handler = worker(services(process.env), jobs, logger(process.env));
