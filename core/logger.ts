import { Logger as Powertools } from "@aws-lambda-powertools/logger";
import { env } from "./config.ts";
import type { Logger } from "./engine/context.ts";

/** JSON lines with ids, sizes and codes; never prompts, answers or keys. */
export function logger(environment: NodeJS.ProcessEnv): Logger {
  const powertools = new Powertools({
    serviceName: "convoke",
    logLevel: (environment[env.logLevel] ?? "INFO").toUpperCase() as "INFO",
  });
  return {
    debug: (message, fields = {}) => powertools.debug(message, { ...fields }),
    info: (message, fields = {}) => powertools.info(message, { ...fields }),
    warn: (message, fields = {}) => powertools.warn(message, { ...fields }),
    error: (message, fields = {}) => powertools.error(message, { ...fields }),
  };
}
