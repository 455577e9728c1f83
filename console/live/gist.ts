import type { EventView } from "../../client/index.ts";
import type { Json } from "../../core/protocol/json.ts";

/** What an event says, in a line: where, and what became of it. */
export function gistOf(event: EventView): string {
  const steps = event.steps as { step: string; attempt: number }[] | undefined;
  const parts: (Json | undefined)[] = [
    steps?.map(({ step, attempt }) => nth(step, attempt)).join(", "),
    typeof event.step === "string" ? nth(event.step, Number(event.attempt ?? 1)) : undefined,
    event.title,
    field(event.failure, "message"),
    field(event.ask, "question"),
    event.reason,
    event.message,
    field(event.blocked, "message"),
    field(event.progress, "details"),
  ];
  return parts.filter((part) => typeof part === "string" && part !== "").join(" · ");
}

function nth(step: string, attempt: number): string {
  return attempt > 1 ? `${step} (attempt ${attempt})` : step;
}

function field(value: Json | undefined, name: string): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value[name] : undefined;
}
