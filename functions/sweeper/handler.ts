import { apiServices } from "../../core/api-services.ts";
import { logger } from "../../core/logger.ts";
import { jobs } from "../../jobs/index.ts";
import { sweeper } from "./sweeper.ts";

export const handler = sweeper(apiServices(process.env), jobs, logger(process.env));
