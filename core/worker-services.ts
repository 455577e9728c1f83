import { apiServices } from "./api-services.ts";
import { env } from "./config.ts";
import { egress, webhookLimits } from "./egress.ts";
import { deploymentOf } from "./models/deployment.ts";
import type { Model } from "./models/model.ts";
import { once } from "./once.ts";
import { operations } from "./operations/operations.ts";
import type { Services } from "./services.ts";

/** What the worker uses: all that the api does, and models, which are loaded at the first call. */
export function workerServices(environment: NodeJS.ProcessEnv): Omit<Services, "sockets"> {
  const { webhookHosts } = deploymentOf(environment);
  return {
    ...apiServices(environment),
    model: lateModel(environment),
    operations: operations(environment),
    webhooks: egress(webhookHosts, webhookLimits),
    apiUrl: environment[env.apiUrl] ?? "",
  };
}

function lateModel(environment: NodeJS.ProcessEnv): Model {
  const load = once(async () => (await import("./models/models.ts")).models(environment));
  return { generate: async (request, options) => (await load()).generate(request, options) };
}
