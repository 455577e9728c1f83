import { createHash } from "node:crypto";
import { Unavailable } from "../protocol/error.ts";
import type { PayloadRef, Stored } from "../protocol/job.ts";
import type { Json } from "../protocol/json.ts";

/** Where values live that are too large for the journal. Keys are content addresses below the job's own prefix, so storing twice does no harm. */
export interface Payloads {
  /** Stores bytes under the job's prefix and names them by size and SHA-256. */
  put(job: { tenant: string; jobId: string }, json: string): Promise<PayloadRef>;
  /** @throws NotFound when it is gone, Unavailable when the bytes do not match their hash or the store is silent. */
  get(ref: PayloadRef): Promise<string>;
}

/** Keeps a value in place, or moves it out when its JSON is larger than `inlineBytes`. */
export async function store(
  payloads: Payloads,
  job: { tenant: string; jobId: string },
  value: Json,
  inlineBytes: number,
): Promise<Stored> {
  const json = JSON.stringify(value);
  if (Buffer.byteLength(json) <= inlineBytes) return { json: value };
  return { ref: await payloads.put(job, json) };
}

export async function load(payloads: Payloads, stored: Stored): Promise<Json> {
  return "json" in stored ? stored.json : JSON.parse(await payloads.get(stored.ref));
}

function sha256(json: string): string {
  return createHash("sha256").update(json).digest("hex");
}

/** The name of a value: its content below its job, so that one job's payloads can be found and removed together. */
export function refOf(job: { tenant: string; jobId: string }, json: string): PayloadRef {
  const hash = sha256(json);
  const key = [job.tenant, job.jobId, hash].map(encodeURIComponent).join("/");
  return { key, bytes: Buffer.byteLength(json), sha256: hash };
}

/** @throws Unavailable when these are not the bytes that were stored: reading again may give the right ones. */
export function checked(ref: PayloadRef, json: string): string {
  if (sha256(json) === ref.sha256) return json;
  throw new Unavailable(`The payload ${ref.key} does not match its hash`);
}
