import { NotFound } from "../protocol/error.ts";
import { checked, type Payloads, refBelow, refOf } from "./payloads.ts";

export interface MemoryPayloads extends Payloads {
  /** By key, for tests that lose or damage something. */
  objects: Map<string, string>;
}

export function memoryPayloads(): MemoryPayloads {
  const objects = new Map<string, string>();
  return {
    objects,
    async put(job, json) {
      const ref = refOf(job, json);
      objects.set(ref.key, json);
      return ref;
    },
    async get(ref) {
      const json = objects.get(ref.key);
      if (json === undefined) throw new NotFound(`The payload ${ref.key} is gone`);
      return checked(ref, Buffer.from(json));
    },
    async copy(ref, job) {
      const json = objects.get(ref.key);
      if (json === undefined) throw new NotFound(`The payload ${ref.key} is gone`);
      const copied = refBelow(job, ref);
      objects.set(copied.key, json);
      return copied;
    },
    readingLink: async (ref) => `https://payloads.test/${ref.key}`,
    uploadLink: async (ref) => ({ url: `https://payloads.test/${ref.key}`, headers: {} }),
  };
}
