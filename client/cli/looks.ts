import { councilLook } from "./council.ts";
import type { Look } from "./look.ts";

const looks: Record<string, Look> = { council: councilLook };

export function lookOf(type: string): Look {
  return looks[type] ?? {};
}
