import { apiServices } from "../../core/api-services.ts";
import { logger } from "../../core/logger.ts";
import { jobs } from "../../jobs/index.ts";
import { api, doorSettings } from "./api.ts";

export const handler = api(apiServices(process.env), jobs, doorSettings(process.env), logger(process.env));
