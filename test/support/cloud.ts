import { test as base } from "vitest";
import { type Convoke, convoke } from "../../client/index.ts";
import { localScheduleScale } from "../../core/config.ts";
import type { Principal } from "../../core/keys/keys.ts";
import { type Cloud, type CloudOptions, startCloud } from "../../local/cloud.ts";
import { createKey } from "../../local/keys.ts";
import { synthesize } from "../../local/synthesize.ts";

/** The whole system, as `npm start` runs it, in memory and for one test file. */
export interface TestCloud extends Cloud {
  key: string;
  /** Of the tenant that `key` belongs to. */
  client: Convoke;
  /** A key and client of another tenant, or with fewer rights. */
  as(principal: Pick<Principal, "tenant"> & Partial<Principal>): Promise<{ key: string; client: Convoke }>;
}

/** A test must not spend the money of whoever runs it: nothing of their environment brings real models. */
const noProviders = {
  AWS_ACCESS_KEY_ID: "local",
  AWS_SECRET_ACCESS_KEY: "local",
  AWS_SESSION_TOKEN: "",
  AWS_BEARER_TOKEN_BEDROCK: "",
  OPENAI_API_KEY: "",
  OPENAI_BASE_URL: "",
  ANTHROPIC_API_KEY: "",
  COUNCIL_MEMBERS: "",
  COUNCIL_CHAIRMEN: "",
  TITLE_MODEL: "",
  VIDEO_MODEL: "",
};

export async function startTestCloud(options: Partial<CloudOptions> = {}): Promise<TestCloud> {
  const cloud = await startCloud({
    assembly: await synthesize(),
    scheduleScale: localScheduleScale,
    ...options,
    environment: { ...noProviders, MOCK_LATENCY_MS: "20", ...options.environment },
  });
  const clients: Convoke[] = [];
  const as: TestCloud["as"] = async (principal) => {
    const key = await createKey(cloud, principal);
    const client = convoke({ url: cloud.http, key });
    clients.push(client);
    return { key, client };
  };
  // A client would go on looking for a service that is gone.
  const stop = () => {
    for (const client of clients) client.close();
    return cloud.stop();
  };
  return { ...cloud, ...(await as({ tenant: "test" })), as, stop };
}

/** `test("...", async ({ cloud }) => ...)`: one cloud for all tests of a file. */
export const test = base.extend<{ cloud: TestCloud }>({
  cloud: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of other fixtures from this pattern
    async ({}, use) => {
      const cloud = await startTestCloud();
      await use(cloud);
      await cloud.stop();
    },
    { scope: "file" },
  ],
});
