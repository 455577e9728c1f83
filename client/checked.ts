import type { ServerMessage } from "../core/protocol/message.ts";
import type { EventView } from "../core/protocol/wire.ts";
import { ConvokeError } from "./error.ts";

/** A page of a job's events. */
export type EventsPage = { events: EventView[]; head: number; done: boolean };

export type SingleMessage = Exclude<ServerMessage, { type: "batch" }>;

/** Far more than a gateway lets through. */
const largestFrame = 1_000_000;

/** What a frame says, as far as the protocol knows it. Anything else counts as lost, and is asked for like that. */
export function readFrame(data: unknown): SingleMessage[] {
  if (typeof data !== "string" || data.length > largestFrame) return [];
  try {
    const said: unknown = JSON.parse(data);
    const all = isObject(said) && said.type === "batch" ? said.messages : [said];
    return Array.isArray(all) ? all.filter(isMessage) : [];
  } catch {
    return [];
  }
}

/** @throws ConvokeError when it is not such a page. */
export function checkedPage(page: unknown): EventsPage {
  if (isObject(page) && isCount(page.head) && Array.isArray(page.events) && page.events.every(isEvent)) {
    return page as EventsPage;
  }
  throw new ConvokeError("unreadable", "What came is not a page of events", { retryable: true });
}

function isMessage(said: unknown): said is SingleMessage {
  if (!isObject(said)) return false;
  const { type, job_id, seq, head, event, ref } = said;
  switch (type) {
    case "progress":
    case "status":
    case "event":
      return (
        isText(job_id) &&
        isEvent(event) &&
        event.seq === seq &&
        (ref === undefined || (isText(ref) && ref.startsWith("/api/")))
      );
    case "delta":
      return isText(job_id) && isText(said.step) && isText(said.text);
    case "watching":
      return said.scope === "mine" || (isText(job_id) && isCount(head));
    case "pong":
      return head === undefined || (isText(job_id) && isCount(head));
    case "error":
      return isText(said.code) && isText(said.message);
    default:
      return false;
  }
}

function isEvent(event: unknown): event is EventView {
  return isObject(event) && isCount(event.seq) && event.seq > 0 && isText(event.kind) && isText(event.at);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
