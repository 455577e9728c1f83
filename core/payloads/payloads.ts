import { createHash } from "node:crypto";
import type { Settings } from "../config.ts";
import { TooLarge, Unavailable } from "../protocol/error.ts";
import type { PayloadRef, Stored } from "../protocol/job.ts";
import type { Json } from "../protocol/json.ts";

/** What a client sends along when it puts bytes where a link says. */
export type UploadLink = { url: string; headers: Record<string, string> };

/** What somebody who reads it by a link is told that it is. A file with a name is saved and not shown. */
export type Kind = { contentType: string; fileName?: string };

export const jsonKind: Kind = { contentType: "application/json" };

/** Where values live that are too large for the journal. Keys are content addresses below the job's own prefix, so storing twice does no harm. */
export interface Payloads {
  /** Stores bytes under the job's prefix and names them by size and SHA-256. They are JSON unless `kind` says otherwise. */
  put(job: { tenant: string; jobId: string }, content: string | Uint8Array, kind?: Kind): Promise<PayloadRef>;
  /** A text. @throws NotFound when it is gone, Unavailable when the bytes do not match their hash or the store is silent. */
  get(ref: PayloadRef): Promise<string>;
  /**
   * The same value below another job's prefix: each job's payloads last as long as its journal, whatever becomes of the
   * other's.
   * @throws NotFound when it is gone.
   */
  copy(ref: PayloadRef, job: { tenant: string; jobId: string }): Promise<PayloadRef>;
  /** An address at which anybody may read it for so long. */
  readingLink(ref: PayloadRef, seconds: number): Promise<string>;
  /** An address to which anybody may put exactly these bytes, and no others, for so long. */
  uploadLink(ref: PayloadRef, seconds: number): Promise<UploadLink>;
}

/**
 * Keeps a value in place, or moves it out when its JSON is larger than `inlineBytes`.
 * @throws TooLarge above `payloadBytes`.
 */
export async function store(
  payloads: Pick<Payloads, "put">,
  job: { tenant: string; jobId: string },
  value: Json,
  { inlineBytes, payloadBytes }: Pick<Settings, "inlineBytes" | "payloadBytes">,
): Promise<Stored> {
  const json = JSON.stringify(value);
  const bytes = Buffer.byteLength(json);
  if (bytes <= inlineBytes) return { json: value };
  if (bytes > payloadBytes)
    throw new TooLarge(`A value has ${bytes} bytes as JSON; ${payloadBytes} are allowed`);
  return { ref: await payloads.put(job, json) };
}

export async function load(payloads: Pick<Payloads, "get">, stored: Stored): Promise<Json> {
  return "json" in stored ? stored.json : JSON.parse(await payloads.get(stored.ref));
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * The name of what a client uploads before it submits a job. It follows from the tenant and the content, so that nobody
 * can name another tenant's; and no tenant's own prefix begins with a dot.
 */
export function uploadRef(
  tenant: string,
  { bytes, sha256 }: Pick<PayloadRef, "bytes" | "sha256">,
): PayloadRef {
  return { key: `${uploadPrefix}${encodeURIComponent(tenant)}/${sha256}`, bytes, sha256 };
}

export const uploadPrefix = ".uploads/";

/** The name of a value: its content below its job, so that one job's payloads can be found and removed together. */
export function refOf(job: { tenant: string; jobId: string }, content: string | Uint8Array): PayloadRef {
  return refBelow(job, { bytes: Buffer.byteLength(content), sha256: sha256(content) });
}

/** The same content below another job. */
export function refBelow(
  { tenant, jobId }: { tenant: string; jobId: string },
  { bytes, sha256 }: Pick<PayloadRef, "bytes" | "sha256">,
): PayloadRef {
  return { key: [tenant, jobId, sha256].map(encodeURIComponent).join("/"), bytes, sha256 };
}

/**
 * @throws Unavailable when these are not the bytes that were stored: reading again may give the right ones; a TypeError
 * when they are no UTF-8, which only what a client uploaded can be.
 */
export function checked(ref: PayloadRef, bytes: Uint8Array): string {
  if (sha256(bytes) !== ref.sha256) throw new Unavailable(`The payload ${ref.key} does not match its hash`);
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}
