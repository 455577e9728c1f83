import { listOf, env as names } from "../config.ts";
import { egress } from "../egress.ts";
import { headersByHost, type KeySource, providerKeys } from "../models/provider-keys.ts";
import type { Millis } from "../protocol/json.ts";
import { OperationError, type OperationName, type OperationProvider, type Operations } from "./operation.ts";
import { nameOf, type ProviderName } from "./traits.ts";

export type OperationOverrides = {
  now?: () => Millis;
  keys?: KeySource;
  /** Instead of the providers of the same name. */
  providers?: Partial<Record<ProviderName, () => Promise<OperationProvider>>>;
};

const egressLimits = { timeoutMs: 30_000, mostBytes: 1024 * 1024 };

/**
 * All operations of a deployment behind one door. Building it loads nothing: a provider's code, and the library that
 * speaks to it, come with the first call.
 */
export function operations(environment: NodeJS.ProcessEnv, overrides: OperationOverrides = {}): Operations {
  const keys = overrides.keys ?? providerKeys(environment);
  const now = overrides.now ?? Date.now;
  const latency = environment[names.mockLatencyMs];
  const mock = { now, ...(latency ? { latencyMs: Number(latency) } : {}) };
  const load: Record<ProviderName, () => Promise<OperationProvider>> = {
    google: async () => (await import("./google.ts")).googleOperations(environment, keys),
    bedrock: async () => (await import("./bedrock.ts")).bedrockOperations(environment),
    mock: async () => (await import("./mock.ts")).mockOperations(mock),
    http: async () => {
      const { httpOperations } = await import("./http.ts");
      const call = egress(listOf(environment[names.operationHosts]), egressLimits);
      return httpOperations(call, headersByHost(environment));
    },
    ...overrides.providers,
  };
  const loaded = new Map<ProviderName, Promise<OperationProvider>>();

  const providerOf = (operation: OperationName): Promise<OperationProvider> => {
    const name = nameOf(operation);
    const known = loaded.get(name);
    if (known) return known;
    const loading = load[name]();
    loaded.set(name, loading);
    // A failure to load (a configuration that can be mended, a store that was silent) is not remembered.
    loading.catch(() => loaded.delete(name));
    return loading;
  };

  return {
    start: async (operation, request, call) => (await providerOf(operation)).start(operation, request, call),
    poll: async (ticket, call) => (await providerOf(ticket.operation)).poll(ticket, call),
    async pollAfter(said, ticket, call) {
      const provider = await providerOf(ticket.operation);
      const poll = provider.read?.(ticket, said);
      return poll && poll.state !== "pending" ? poll : provider.poll(ticket, call);
    },
    async cancel(ticket, call) {
      const provider = await providerOf(ticket.operation);
      await provider.cancel?.(ticket, call);
      return provider.cancel !== undefined;
    },
    async download(ticket, uri, mostBytes, call) {
      const provider = await providerOf(ticket.operation);
      if (!provider.download)
        throw new OperationError("operation_rejected", `${ticket.operation} makes no files`);
      return provider.download(ticket, uri, mostBytes, call);
    },
  };
}
