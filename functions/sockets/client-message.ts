import { InvalidRequest } from "../../core/protocol/error.ts";
import type { ClientMessage } from "../../core/protocol/message.ts";

const idShape = /^[A-Za-z0-9_-]{1,64}$/;
const mostIds = 100;

/**
 * Reads what a client sent. By hand, because this function starts often and a schema library would double its start.
 * @throws InvalidRequest
 */
export function clientMessage(body: string | undefined | null): ClientMessage {
  const message = fields(body);
  switch (message.type) {
    case "watch":
      if (message.scope === "mine") {
        return { type: "watch", scope: "mine", batch: flag(message, "batch") };
      }
      return {
        type: "watch",
        job_id: jobId(message),
        after: position(message),
        deltas: flag(message, "deltas"),
        batch: flag(message, "batch"),
      };
    case "unwatch":
      if (message.scope === "mine") return { type: "unwatch", scope: "mine" };
      if (message.job_ids !== undefined) return { type: "unwatch", job_ids: jobIds(message.job_ids) };
      return { type: "unwatch", job_id: jobId(message) };
    case "ping":
      return message.job_id === undefined ? { type: "ping" } : { type: "ping", job_id: jobId(message) };
    default:
      throw new InvalidRequest(`"type" must be "watch", "unwatch" or "ping"`);
  }
}

function fields(body: string | undefined | null): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body ?? "");
  } catch (cause) {
    throw new InvalidRequest("The message is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidRequest("The message is not a JSON object");
  }
  return value as Record<string, unknown>;
}

function jobId({ job_id: id }: Record<string, unknown>): string {
  if (!isJobId(id)) throw new InvalidRequest(`"job_id" must be the id of a job`);
  return id;
}

function jobIds(ids: unknown): string[] {
  if (!Array.isArray(ids) || ids.length > mostIds || !ids.every(isJobId))
    throw new InvalidRequest(`"job_ids" must be a list of ids of jobs, at most ${mostIds}`);
  return ids;
}

function isJobId(id: unknown): id is string {
  return typeof id === "string" && idShape.test(id);
}

function position(message: Record<string, unknown>): number {
  const after = message.after ?? 0;
  if (!Number.isSafeInteger(after) || (after as number) < 0) {
    throw new InvalidRequest(`"after" must be the number of the last event received, 0 for none`);
  }
  return after as number;
}

function flag(message: Record<string, unknown>, name: string): boolean {
  const value = message[name] ?? false;
  if (typeof value !== "boolean") throw new InvalidRequest(`"${name}" must be true or false`);
  return value;
}
