import { logger } from "../../core/logger.ts";
import { workerServices } from "../../core/worker-services.ts";
import { jobs } from "../../jobs/index.ts";
import { worker } from "./worker.ts";

export const handler = worker(workerServices(process.env), jobs, logger(process.env));
