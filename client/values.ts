import { type Entry, recorded, valueIn, withValue } from "../core/protocol/event.ts";
import type { PayloadRef } from "../core/protocol/job.ts";
import type { Json } from "../core/protocol/json.ts";
import type { EventView, JobView } from "../core/protocol/wire.ts";
import type { Api, Schemas } from "./api.ts";
import type { Ask } from "./ask.ts";
import { hashOf, type Put } from "./http.ts";
import type { Patient } from "./views.ts";

/** A request may have 256 KB, and the input is not alone in it. */
const inlineBytes = 192 * 1024;

export type LargeValues = ReturnType<typeof values>;

/** What is too large for a request or an answer goes and comes another way, and is compared with its hash. */
export function values(ask: Ask, put: Put) {
  const ofEvent = (id: string, seq: number, { sha256 }: PayloadRef, { signal }: Patient) =>
    ask("GET /api/jobs/{id}/events/{seq}/value", { path: { id, seq }, sha256, signal });

  return {
    /** How an input is named in a submit: in place, or as what has been uploaded. */
    async input(
      input: Json,
      signal?: AbortSignal,
    ): Promise<{ input: Json } | { input_ref: Schemas["Uploaded"] }> {
      const bytes = new TextEncoder().encode(JSON.stringify(input));
      if (bytes.length <= inlineBytes) return { input };
      const body = { bytes: bytes.length, sha256: await hashOf(bytes) };
      const link = await ask("POST /api/uploads", { body, signal });
      await put(link, bytes, signal);
      return { input_ref: link.input_ref };
    },

    /** The job with its result in place. */
    async whole(job: JobView, { signal }: Patient): Promise<JobView> {
      const { result_ref, ...rest } = job;
      if (!result_ref) return job;
      const { sha256 } = result_ref;
      const path = { id: job.id };
      return { ...rest, result_data: await ask("GET /api/jobs/{id}/result", { path, sha256, signal }) };
    },

    async ofEvent(jobId: string, event: EventView, patient: Patient): Promise<Json | undefined> {
      for (const name of ["input", "result", "state"]) {
        if (event[name] !== undefined) return event[name];
        const ref = event[`${name}_ref`] as PayloadRef | undefined;
        if (ref) return ofEvent(jobId, event.seq, ref, patient);
      }
      return undefined;
    },

    /** Entries as they are stored, with every value in place. */
    async *journal(jobId: string, { signal }: Patient): AsyncGenerator<Entry, void, void> {
      for (let after: number | null = 0; after !== null; ) {
        const path = { id: jobId };
        const page: Api["GET /api/jobs/{id}/journal"]["answer"] = await ask("GET /api/jobs/{id}/journal", {
          path,
          query: { after },
          signal,
        });
        for (const entry of page.entries) {
          const events = await Promise.all(
            recorded(entry).map(async ({ seq }, index) => {
              const event = entry.events[index]!;
              const value = valueIn(event);
              if (!value || "json" in value) return event;
              return withValue(event, { json: await ofEvent(jobId, seq, value.ref, { signal }) });
            }),
          );
          yield { ...entry, events };
        }
        after = page.next_after;
      }
    },
  };
}
