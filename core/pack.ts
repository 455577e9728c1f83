import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { TooLarge } from "./protocol/error.ts";

/** JSON as an attribute: text, or the same compressed. */
export type Packed = string | Uint8Array;

/** DynamoDB bills a write by the KB begun and refuses items above 400 KB. */
const writeUnitBytes = 1024;
const itemBytes = 400 * 1024;

/**
 * Compresses only where that saves a write unit. Brotli because of its built-in dictionary: on prose of 1 to 2 KB it
 * is 6 % smaller than deflate, and a unit costs 500 times what the CPU time does.
 * @param besides - bytes of the item's other attributes.
 */
export function pack(text: string, besides: number): Packed {
  const plain = Buffer.byteLength(text);
  const units = (bytes: number) => Math.ceil((besides + bytes) / writeUnitBytes);
  if (units(plain) === 1) return text;
  const compressed = brotliCompressSync(text, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_SIZE_HINT]: plain },
  });
  return units(compressed.byteLength) < units(plain) ? compressed : text;
}

export function unpack(value: Packed): string {
  return typeof value === "string" ? value : brotliDecompressSync(value).toString();
}

export type Item = { pk: string; sk: string } & Record<
  string,
  Packed | number | boolean | string[] | undefined
>;

/**
 * What DynamoDB counts as the size of an item: names and values, a number as half a byte per digit.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export function itemSize(item: Partial<Item>): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) {
    if (value === undefined) continue;
    bytes += Buffer.byteLength(name);
    if (typeof value === "string") bytes += Buffer.byteLength(value);
    else if (typeof value === "number") bytes += Math.ceil(String(value).length / 2) + 1;
    else if (typeof value === "boolean") bytes += 1;
    else if (value instanceof Uint8Array) bytes += value.byteLength;
    else bytes += value.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 3);
  }
  return bytes;
}

/**
 * Completes an item with its JSON body, compressed where that pays.
 * @throws TooLarge when DynamoDB would refuse it.
 */
export function withBody(item: Item, body: unknown): Item {
  const packed = pack(JSON.stringify(body), itemSize(item) + "body".length);
  const whole = { ...item, body: packed };
  if (itemSize(whole) > itemBytes) {
    throw new TooLarge(`${item.sk} would have ${itemSize(whole)} bytes; the table takes ${itemBytes}`);
  }
  return whole;
}

export function bodyOf<T>(item: { body: Packed }): T {
  return JSON.parse(unpack(item.body));
}
