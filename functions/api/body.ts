import type { Settings } from "../../core/config.ts";
import { InvalidRequest, TooLarge } from "../../core/protocol/error.ts";
import { UnsupportedMediaType } from "./problem.ts";

const jsonType = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/**
 * Reads a JSON body from outside: in size, shape and alphabet something that every later part can carry.
 * @returns undefined for an empty body.
 */
export async function readBody(
  request: Request,
  settings: Pick<Settings, "bodyBytes" | "jsonDepth" | "jsonNodes">,
): Promise<unknown> {
  const encoding = request.headers.get("content-encoding");
  // A compressed body can be a thousand times what it seems.
  if (encoding && encoding !== "identity")
    throw new UnsupportedMediaType(`Content-Encoding ${encoding} is not accepted`);
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength === 0) return undefined;
  if (bytes.byteLength > settings.bodyBytes)
    throw new TooLarge(`The body has ${bytes.byteLength} bytes; ${settings.bodyBytes} are allowed`);
  const type = request.headers.get("content-type");
  if (type && !jsonType.test(type)) throw new UnsupportedMediaType(`The body must be JSON, not ${type}`);
  const value = parseJson(bytes);
  checkShape(value, settings);
  return value;
}

function parseJson(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    // The parser's own words would quote the body, which belongs in no log.
    throw new InvalidRequest("The body is not valid JSON in UTF-8");
  }
}

const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"]);

/** Walks without recursion: `JSON.parse` survives a nesting of a million, a recursive function does not. */
function checkShape(root: unknown, { jsonDepth, jsonNodes }: Pick<Settings, "jsonDepth" | "jsonNodes">) {
  const open: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  let nodes = 0;
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, depth } = next;
    nodes += 1;
    if (nodes > jsonNodes) throw new TooLarge(`The body has more than ${jsonNodes} values`);
    if (typeof value === "string") checkText(value);
    if (!value || typeof value !== "object") continue;
    if (depth > jsonDepth) throw new InvalidRequest(`The body is nested deeper than ${jsonDepth} levels`);
    if (Array.isArray(value)) {
      for (const item of value) open.push({ value: item, depth: depth + 1 });
      continue;
    }
    for (const [key, item] of Object.entries(value)) {
      if (forbiddenKeys.has(key)) throw new InvalidRequest(`A field may not be called "${key}"`);
      checkText(key);
      open.push({ value: item, depth: depth + 1 });
    }
  }
}

/** Half of a surrogate pair has no encoding in UTF-8: stores refuse it or change it. */
function checkText(text: string) {
  if (!text.isWellFormed()) throw new InvalidRequest("The body has text that is not valid Unicode");
}
