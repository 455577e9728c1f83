import { NotFound } from "../protocol/error.ts";
import { checked, type Payloads, refBelow, refOf } from "./payloads.ts";

export interface MemoryPayloads extends Payloads {
  /** By key, for tests that lose or damage something. */
  objects: Map<string, string | Uint8Array>;
}

export function memoryPayloads(): MemoryPayloads {
  const objects = new Map<string, string | Uint8Array>();
  return {
    objects,
    async put(job, content) {
      const ref = refOf(job, content);
      objects.set(ref.key, content);
      return ref;
    },
    async get(ref) {
      const content = objects.get(ref.key);
      if (content === undefined) throw new NotFound(`The payload ${ref.key} is gone`);
      return checked(ref, typeof content === "string" ? Buffer.from(content) : content);
    },
    async copy(ref, job) {
      const content = objects.get(ref.key);
      if (content === undefined) throw new NotFound(`The payload ${ref.key} is gone`);
      const copied = refBelow(job, ref);
      objects.set(copied.key, content);
      return copied;
    },
    readingLink: async (ref) => `https://payloads.test/${ref.key}`,
    uploadLink: async (ref) => ({ url: `https://payloads.test/${ref.key}`, headers: {} }),
  };
}
