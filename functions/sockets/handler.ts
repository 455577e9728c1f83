import { socketServices } from "../../core/aws-services.ts";
import { env, listOf } from "../../core/config.ts";
import { authenticator, jwtSettings } from "../../core/keys/authenticate.ts";
import { logger } from "../../core/logger.ts";
import { sockets } from "./sockets.ts";

const services = socketServices(process.env);

export const handler = sockets(
  services,
  {
    keys: services.keys,
    authenticate: authenticator(services, jwtSettings(process.env)),
    allowedOrigins: [...listOf(process.env[env.allowedOrigins]), ...listOf(process.env[env.consoleUrl])],
  },
  logger(process.env),
);
