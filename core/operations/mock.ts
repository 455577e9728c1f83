import type { Millis } from "../protocol/json.ts";
import { OperationError, type OperationProvider, type Poll, type Ticket } from "./operation.ts";

const usualMs = 20_000;

/** `mock:90s`, `mock:2h`: how long it takes, in the name. */
export function mockMs(operation: string): Millis | undefined {
  const [, count, unit] = /^mock:(\d{1,6})(s|m|h)$/.exec(operation) ?? [];
  return count === undefined ? undefined : Number(count) * { s: 1_000, m: 60_000, h: 3_600_000 }[unit as "s"];
}

/**
 * Operations without a network, for the demo, for tests and for a deployment without keys. They keep nothing: what they
 * were asked for, and when, is all in their id, so that whoever asks gets the same answer, in whatever process.
 */
export function mockOperations({
  now,
  latencyMs,
}: {
  now: () => Millis;
  latencyMs?: Millis;
}): OperationProvider {
  const poll = async (ticket: Ticket): Promise<Poll> => {
    const { operation, prompt, begun_at, takes_ms } = ticket as Ticket & {
      prompt: string;
      begun_at: number;
      takes_ms: number;
    };
    const elapsedMs = now() - begun_at;
    if (elapsedMs < takes_ms)
      return { state: "pending", percentage: Math.floor((100 * elapsedMs) / takes_ms) };
    if (operation === "mock:fails")
      return {
        state: "failed",
        failure: { code: "operation_failed", message: "mock:fails failed, as always" },
      };
    const uri = `data:image/svg+xml;base64,${Buffer.from(movingPicture(prompt)).toString("base64")}`;
    return { state: "done", result: { mock: true, files: [{ uri, media_type: "image/svg+xml" }] } };
  };
  return {
    async start(operation, request, { idempotencyKey }) {
      if (operation === "mock:rejected")
        throw new OperationError("operation_rejected", "mock:rejected refused the request, as always");
      return {
        operation,
        operation_id: `mock-operations/${idempotencyKey.slice(0, 12)}`,
        prompt: String(request.prompt ?? ""),
        begun_at: now(),
        takes_ms: mockMs(operation) ?? latencyMs ?? usualMs,
      };
    },
    poll,
    cancel: async () => {},
    async download(_ticket, uri) {
      return Buffer.from(uri.slice(uri.indexOf(",") + 1), "base64");
    },
  };
}

/** A picture that moves, with the words of the prompt in it, so that a mock is not taken for a video. */
function movingPicture(prompt: string): string {
  const words = `[mock] ${prompt}`.slice(0, 80).replace(/[<>&"']/g, " ");
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360"><rect width="640" height="360" fill="#124"/>' +
    '<circle cy="180" r="24" fill="#fc6"><animate attributeName="cx" values="40;600;40" dur="6s" repeatCount="indefinite"/></circle>' +
    `<text x="320" y="330" fill="#fff" font-size="16" text-anchor="middle">${words}</text></svg>\n`
  );
}
