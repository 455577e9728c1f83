import { afterAll } from "vitest";
import type { CloudOptions } from "../../local/cloud.ts";
import { startTestCloud, type TestCloud } from "./cloud.ts";
import { type CouncilProvider, councilProvider } from "./council-provider.ts";

/**
 * A cloud whose models are a provider of this test, for all tests of a file.
 * @param delayMs - how long each model takes.
 */
export async function councilCloud(
  delayMs: number,
  options: Partial<CloudOptions> = {},
): Promise<{ provider: CouncilProvider; cloud: TestCloud }> {
  const provider = await councilProvider(delayMs);
  afterAll(() => provider.close());
  const cloud = await startTestCloud({ ...options, environment: provider.environment });
  afterAll(() => cloud.stop());
  return { provider, cloud };
}
