import { logger } from "../../core/logger.ts";
import { services } from "../../core/services.ts";
import { jobs } from "../../jobs/index.ts";
import { api, doorSettings } from "./api.ts";

export const handler = api(services(process.env), jobs, doorSettings(process.env), logger(process.env));
