import { sweeperServices } from "../../core/aws-services.ts";
import { logger } from "../../core/logger.ts";
import { sweeper } from "./sweeper.ts";

export const handler = sweeper(sweeperServices(process.env), logger(process.env));
