import type { Settings } from "../../core/config.ts";
import { type Payloads, uploadRef } from "../../core/payloads/payloads.ts";
import { InvalidRequest, NotFound, TooLarge } from "../../core/protocol/error.ts";
import { parseJson } from "./body.ts";

/** What a client has uploaded, named by size and content: whose it is the key says. */
export type Uploaded = { bytes: number; sha256: string };

type Limits = Pick<Settings, "payloadNodes" | "jsonDepth">;

/**
 * Reads an uploaded input: a body that came another way, so it is held to the same rules with other numbers.
 * @throws InvalidRequest, TooLarge, Unavailable.
 */
export async function readUpload(
  { payloads, settings }: { payloads: Pick<Payloads, "get">; settings: Limits },
  tenant: string,
  uploaded: Uploaded,
): Promise<unknown> {
  const text = await payloads.get(uploadRef(tenant, uploaded)).catch((error: unknown) => {
    if (error instanceof NotFound)
      throw faulty("There is no such upload; POST /api/uploads says where to put it");
    if (error instanceof TypeError) throw faulty("The upload is not valid JSON in UTF-8");
    throw error;
  });
  const { payloadNodes: jsonNodes, jsonDepth } = settings;
  // Before it is parsed: every value takes memory, and 50 MB can be 25 million of them.
  if (hasMoreValues(text, jsonNodes)) throw new TooLarge(`The upload has more than ${jsonNodes} values`);
  return parseJson("The upload", () => text, { jsonDepth, jsonNodes });
}

function faulty(message: string): InvalidRequest {
  return new InvalidRequest(message, { details: { errors: [{ field: "input_ref", message }] } });
}

const [quote, backslash, comma, colon] = ['"', "\\", ",", ":"].map((sign) => sign.charCodeAt(0));

/** Commas and colons outside of strings: every value but the first of a list has one before it. */
function hasMoreValues(json: string, most: number): boolean {
  let left = most;
  for (let at = 0; at < json.length; at += 1) {
    const sign = json.charCodeAt(at);
    if (sign === quote) {
      for (at += 1; at < json.length && json.charCodeAt(at) !== quote; at += 1) {
        if (json.charCodeAt(at) === backslash) at += 1;
      }
    } else if (sign === comma || sign === colon) {
      left -= 1;
      if (left < 0) return true;
    }
  }
  return false;
}
