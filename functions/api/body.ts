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
  return parseJson("The body", () => new TextDecoder("utf-8", utf8).decode(bytes), settings);
}

const utf8 = { fatal: true, ignoreBOM: true };

/**
 * Reads JSON that a client wrote.
 * @param what - names it to the client: `The body`.
 * @param text - throws a TypeError when it is no UTF-8.
 */
export function parseJson(
  what: string,
  text: () => string,
  limits: Pick<Settings, "jsonDepth" | "jsonNodes">,
): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text());
  } catch {
    // The parser's own words would quote the text, which belongs in no log.
    throw new InvalidRequest(`${what} is not valid JSON in UTF-8`);
  }
  checkShape(what, value, limits);
  return value;
}

const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"]);

/** Walks without recursion: `JSON.parse` survives a nesting of a million, a recursive function does not. */
function checkShape(
  what: string,
  root: unknown,
  { jsonDepth, jsonNodes }: Pick<Settings, "jsonDepth" | "jsonNodes">,
) {
  const open: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  let nodes = 0;
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, depth } = next;
    nodes += 1;
    if (nodes > jsonNodes) throw new TooLarge(`${what} has more than ${jsonNodes} values`);
    if (typeof value === "string") checkText(what, value);
    if (!value || typeof value !== "object") continue;
    if (depth > jsonDepth) throw new InvalidRequest(`${what} is nested deeper than ${jsonDepth} levels`);
    if (Array.isArray(value)) {
      for (const item of value) open.push({ value: item, depth: depth + 1 });
      continue;
    }
    for (const [key, item] of Object.entries(value)) {
      if (forbiddenKeys.has(key)) throw new InvalidRequest(`A field may not be called "${key}"`);
      checkText(what, key);
      open.push({ value: item, depth: depth + 1 });
    }
  }
}

/** Half of a surrogate pair has no encoding in UTF-8: stores refuse it or change it. */
function checkText(what: string, text: string) {
  if (!text.isWellFormed()) throw new InvalidRequest(`${what} has text that is not valid Unicode`);
}
