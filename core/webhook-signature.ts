import { Webhook } from "standardwebhooks";
import type { Millis } from "./protocol/json.ts";

/**
 * The headers that Standard Webhooks asks for. With several secrets there are several signatures: a receiver needs one of
 * them to be right. A module of its own, to be loaded by those who sign.
 * @param id - the same for every attempt, so that a receiver notices what it has already.
 * @see https://www.standardwebhooks.com
 */
export function signatureHeaders(
  secrets: string[],
  { id, at, body }: { id: string; at: Millis; body: string },
): Record<string, string> {
  const date = new Date(at);
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, date, body)).join(" "),
  };
}
