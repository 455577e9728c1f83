import type { Json, JsonObject } from "../../core/protocol/json.ts";

/** Where two values differ. A side that has nothing there lacks the field. */
export type Difference = { path: string; left?: Json; right?: Json };

/** What tells one value from another: the innermost fields, in the order in which they stand. */
export function differences(left: Json | undefined, right: Json | undefined, path = ""): Difference[] {
  if (same(left, right)) return [];
  const fields = fieldsOf(left);
  const others = fieldsOf(right);
  if (!fields || !others || Array.isArray(left) !== Array.isArray(right)) {
    return [{ path, ...(left === undefined ? {} : { left }), ...(right === undefined ? {} : { right }) }];
  }
  const names = new Set([...Object.keys(fields), ...Object.keys(others)]);
  return [...names].flatMap((name) =>
    differences(own(fields, name), own(others, name), path === "" ? name : `${path}.${name}`),
  );
}

/**
 * What makes `after` of `before`, as a JSON merge patch (RFC 7396); undefined when they are the same. A field whose value
 * should be `null` cannot be said that way: to a patch that is a field that goes.
 */
export function patchFrom(before: Json, after: Json): Json | undefined {
  if (same(before, after)) return undefined;
  if (!isObject(before) || !isObject(after)) return after;
  const patch: JsonObject = {};
  for (const name of Object.keys(before)) if (own(after, name) === undefined) patch[name] = null;
  for (const [name, value] of Object.entries(after)) {
    const old = own(before, name);
    const change = old === undefined ? value : patchFrom(old, value);
    if (change !== undefined) patch[name] = change;
  }
  return patch;
}

function same(left: Json | undefined, right: Json | undefined): boolean {
  if (left === right) return true;
  const fields = fieldsOf(left);
  const others = fieldsOf(right);
  if (!fields || !others || Array.isArray(left) !== Array.isArray(right)) return false;
  const names = Object.keys(fields);
  return (
    names.length === Object.keys(others).length &&
    names.every((name) => Object.hasOwn(others, name) && same(fields[name], others[name]))
  );
}

function fieldsOf(value: Json | undefined): Record<string, Json> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, Json>) : undefined;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own(fields: Record<string, Json>, name: string): Json | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}
