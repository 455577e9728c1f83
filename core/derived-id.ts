import { createHash } from "node:crypto";

/** An id in the shape of a UUID that follows from what it is derived from: whoever comes a second time finds the first. */
export function derivedId(...from: string[]): string {
  const hex = createHash("sha256").update(JSON.stringify(from)).digest("hex");
  // Version 8 is the one whose content is nobody's but ours.
  const variant = (8 + (Number.parseInt(hex[16]!, 16) & 3)).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
