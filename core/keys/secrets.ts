import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Millis } from "../protocol/json.ts";
import type { Principal } from "./keys.ts";

/** 256 random bits, in letters that an HTTP header and a WebSocket subprotocol both take. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

export function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Takes the same time wherever the two differ. */
export function hasHash(secret: string, hash: string): boolean {
  const [given, stored] = [Buffer.from(hashOf(secret)), Buffer.from(hash)];
  return given.length === stored.length && timingSafeEqual(given, stored);
}

export function newKey(): { id: string; secret: string; key: string } {
  const id = randomBytes(8).toString("hex");
  const secret = newSecret();
  return { id, secret, key: `ck_${id}_${secret}` };
}

/** @returns undefined for what no `newKey` has made. */
export function parseKey(key: string): { id: string; secret: string } | undefined {
  const match = /^ck_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/.exec(key);
  return match ? { id: match[1]!, secret: match[2]! } : undefined;
}

/** A session never outlives the right that it stands for. */
export function endOfSession({ expiresAt }: Principal, lifeSeconds: number, now: Millis): Millis {
  return Math.min(now + lifeSeconds * 1000, expiresAt ?? Number.POSITIVE_INFINITY);
}
