import { InvalidRequest } from "./protocol/error.ts";
import type { Millis } from "./protocol/json.ts";

/** Where a thing stands in its list: by creation, then by id. */
export function listPosition(createdAt: Millis, id: string): string {
  return `${String(createdAt).padStart(15, "0")}#${id}`;
}

export function idAt(position: string): string {
  return position.slice(position.indexOf("#") + 1);
}

/** Names the list as well as the place in it, so that a cursor of one tenant is nothing to another. */
export function encodeCursor(list: string, position: string): string {
  return Buffer.from(JSON.stringify([list, position])).toString("base64url");
}

/** @throws InvalidRequest when the cursor is not one of this list's. */
export function decodeCursor(list: string, cursor: string): string {
  try {
    const decoded: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (Array.isArray(decoded) && decoded.length === 2 && decoded[0] === list) {
      const position: unknown = decoded[1];
      if (typeof position === "string" && /^\d{15}#.{1,200}$/.test(position)) return position;
    }
  } catch {
    // Not JSON, so not ours.
  }
  throw new InvalidRequest("The cursor is not one of this list; take `next_cursor` of an earlier answer");
}
