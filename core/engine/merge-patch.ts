import type { Json } from "../protocol/json.ts";

/**
 * What is changed is named, `null` takes a field away, anything but an object replaces the whole.
 * @see https://www.rfc-editor.org/rfc/rfc7396
 */
export function mergePatch(value: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(value) ? value : {}));
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name) ?? null, change));
  }
  return Object.fromEntries(merged);
}

function isObject(value: Json): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
