import { type Entry, recorded, valueIn, withValue } from "../core/protocol/event.ts";
import type { PayloadRef } from "../core/protocol/job.ts";
import type { Json } from "../core/protocol/json.ts";
import type { EventView, JobView } from "../core/protocol/wire.ts";
import { hashOf, type Put, type Send } from "./http.ts";

type Patient = { signal?: AbortSignal };

/** A request may have 256 KB, and the input is not alone in it. */
const inlineBytes = 192 * 1024;

/** What is too large for a request or an answer goes and comes another way, and is compared with its hash. */
export function values(send: Send, put: Put) {
  const pathOf = (jobId: string) => `/api/jobs/${encodeURIComponent(jobId)}`;
  const fetched = (path: string, ref: PayloadRef, { signal }: Patient) =>
    send<Json>("GET", path, { signal, sha256: ref.sha256 });
  const ofEvent = (jobId: string, seq: number, ref: PayloadRef, patient: Patient) =>
    fetched(`${pathOf(jobId)}/events/${seq}/value`, ref, patient);

  return {
    /** How an input is named in a submit: in place, or as what has been uploaded. */
    async input(input: Json, signal?: AbortSignal): Promise<{ input: Json } | { input_ref: object }> {
      const bytes = new TextEncoder().encode(JSON.stringify(input));
      if (bytes.length <= inlineBytes) return { input };
      const body = { bytes: bytes.length, sha256: await hashOf(bytes) };
      const link = await send<{ url: string; headers: Record<string, string>; input_ref: object }>(
        "POST",
        "/api/uploads",
        { body, signal },
      );
      await put(link, bytes, signal);
      return { input_ref: link.input_ref };
    },

    /** The job with its result in place. */
    async whole(job: JobView, patient: Patient): Promise<JobView> {
      const { result_ref, ...rest } = job;
      if (!result_ref) return job;
      return { ...rest, result_data: await fetched(`${pathOf(job.id)}/result`, result_ref, patient) };
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
      type Page = { entries: Entry[]; next_after: number | null };
      for (let after: number | null = 0; after !== null; ) {
        const page: Page = await send<Page>("GET", `${pathOf(jobId)}/journal`, { query: { after }, signal });
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
