import { logger } from "../../core/logger.ts";
import { sweeperServices } from "../../core/services.ts";
import { sweeper } from "./sweeper.ts";

export const handler = sweeper(sweeperServices(process.env), logger(process.env));
