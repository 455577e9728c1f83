import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Where the service is and who asks. */
export type Endpoint = { url: string; key: string };

/**
 * Flags first, then the environment, then what a running `npm start` has left in `.convoke/endpoint.json` here or in
 * a directory above.
 */
export function findEndpoint(
  flags: { url?: string | undefined; key?: string | undefined },
  environment: NodeJS.ProcessEnv,
  directory: string,
): Endpoint | undefined {
  const started = startedHere(directory);
  const url = flags.url ?? environment.CONVOKE_URL ?? started?.url;
  // A key found here is for the service found here.
  const key = flags.key ?? environment.CONVOKE_KEY ?? (url === started?.url ? started?.key : undefined);
  return url && key ? { url, key } : undefined;
}

/** What a running `npm start` has left, with the settings by which its tables and buckets are reached. */
export function startedHere(
  directory: string,
): (Endpoint & { environment: Record<string, string> }) | undefined {
  try {
    const {
      http,
      key,
      environment = {},
    } = JSON.parse(readFileSync(join(directory, ".convoke", "endpoint.json"), "utf8"));
    return typeof http === "string" && typeof key === "string" ? { url: http, key, environment } : undefined;
  } catch {
    const parent = dirname(directory);
    return parent === directory ? undefined : startedHere(parent);
  }
}
