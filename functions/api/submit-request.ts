import type * as z from "zod";
import type { SubmitRequest } from "../../core/engine/submit.ts";
import type { submitBody } from "./schemas.ts";

/** The engine's words for what a body asks for, but for its input. */
export function submitRequest({
  type,
  title,
  priority,
  tags,
  budget,
  run_at,
  delay_seconds,
  start_by,
  start_within_seconds,
  depends_on,
  on_dependency_failure,
  cache,
  single_flight,
  conversation_id,
  on_busy,
  notify,
}: z.output<typeof submitBody>): Omit<SubmitRequest, "input"> {
  return {
    type,
    title,
    priority,
    tags,
    budget,
    runAt: run_at,
    delaySeconds: delay_seconds,
    startBy: start_by,
    startWithinSeconds: start_within_seconds,
    dependsOn: depends_on,
    onDependencyFailure: on_dependency_failure,
    ...(cache ? { cache: { ttlSeconds: cache.ttl_seconds, bypass: cache.bypass } } : {}),
    singleFlight: single_flight,
    ...(notify ? { notify } : {}),
    ...(conversation_id ? { conversation: { id: conversation_id, onBusy: on_busy } } : {}),
  };
}
