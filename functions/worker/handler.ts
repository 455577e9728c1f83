import { logger } from "../../core/logger.ts";
import { workerServices } from "../../core/worker-services.ts";
import { jobs } from "../../jobs/index.ts";
import { containRejections } from "./rejections.ts";
import { worker } from "./worker.ts";

const log = logger(process.env);
containRejections(log);

export const handler = worker(workerServices(process.env), jobs, log);
