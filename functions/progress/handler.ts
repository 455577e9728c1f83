import { logger } from "../../core/logger.ts";
import { socketServices } from "../../core/services.ts";
import { progress } from "./progress.ts";

export const handler = progress(socketServices(process.env), logger(process.env));
