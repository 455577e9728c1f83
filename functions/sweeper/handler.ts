import { logger } from "../../core/logger.ts";
import { services } from "../../core/services.ts";
import { sweeper } from "./sweeper.ts";

export const handler = sweeper(services(process.env), logger(process.env));
