import { socketServices } from "../../core/aws-services.ts";
import { env } from "../../core/config.ts";
import { authenticator, jwtSettings } from "../../core/keys/authenticate.ts";
import { logger } from "../../core/logger.ts";
import { sockets } from "./sockets.ts";

const services = socketServices(process.env);

export const handler = sockets(
  services,
  {
    keys: services.keys,
    authenticate: authenticator(services, jwtSettings(process.env)),
    allowedOrigins: (process.env[env.allowedOrigins] ?? "").split(",").filter((origin) => origin !== ""),
  },
  logger(process.env),
);
