import { test } from "vitest";
import { seedsOf, underFire } from "./under-fire.ts";

const seeds = seedsOf(1);

test.skipIf(seeds.length === 0)(
  `${seeds.length} scenarios of odd seeds on the real engines: their faults break none of the laws [A0-03] [A3-11]`,
  () => underFire(seeds),
  900_000,
);
