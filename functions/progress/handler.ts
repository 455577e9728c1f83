import { socketServices } from "../../core/aws-services.ts";
import { logger } from "../../core/logger.ts";
import { progress } from "./progress.ts";

export const handler = progress(socketServices(process.env), logger(process.env));
