import { logger } from "../../core/logger.ts";
import { services } from "../../core/services.ts";
import { jobs } from "../../jobs/index.ts";
import { containRejections } from "./rejections.ts";
import { worker } from "./worker.ts";

const log = logger(process.env);
containRejections(log);

export const handler = worker(services(process.env), jobs, log);
