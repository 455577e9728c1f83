import { afterAll } from "vitest";
import { startTestCloud, type TestCloud } from "./cloud.ts";
import { type CouncilProvider, councilProvider } from "./council-provider.ts";

/**
 * A cloud whose models are a provider of this test, for all tests of a file.
 * @param delayMs - how long each model takes.
 */
export async function councilCloud(
  delayMs: number,
): Promise<{ provider: CouncilProvider; cloud: TestCloud }> {
  const provider = await councilProvider(delayMs);
  afterAll(() => provider.close());
  const cloud = await startTestCloud({ environment: provider.environment });
  afterAll(() => cloud.stop());
  return { provider, cloud };
}
