import { createHash, randomBytes } from "node:crypto";

/**
 * How often each function has run in one chain of events, carried in the trace header that the SDK forwards to SQS.
 * Keys are short hashes of function names.
 */
export type Lineage = ReadonlyMap<string, number>;

export const noLineage: Lineage = new Map();

/**
 * Lambda stops a chain when the same function would run the 17th time in it.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
 */
const longestChain = 16;

export function readLineage(traceHeader: string | undefined): Lineage {
  const field = traceHeader?.split(";").find((part) => part.startsWith("Lineage="));
  if (!field) return noLineage;
  return new Map(
    field
      .slice("Lineage=".length)
      .split("|")
      .map((entry) => entry.split(":"))
      .map(([hash = "", count = "0"]) => [hash, Number(count)]),
  );
}

/** Of a batch, the longest chain of each function counts. */
export function mergeLineages(lineages: Lineage[]): Lineage {
  const merged = new Map<string, number>();
  for (const lineage of lineages) {
    for (const [hash, count] of lineage) merged.set(hash, Math.max(count, merged.get(hash) ?? 0));
  }
  return merged;
}

export function isRunaway(lineage: Lineage, functionName: string): boolean {
  return (lineage.get(hashOf(functionName)) ?? 0) >= longestChain;
}

/** The header of an invocation: a new trace, in the same chain. */
export function traceHeader(lineage: Lineage, functionName: string): string {
  const hash = hashOf(functionName);
  const next = new Map(lineage).set(hash, (lineage.get(hash) ?? 0) + 1);
  const seconds = Math.floor(Date.now() / 1000).toString(16);
  const entries = [...next].map(([key, count]) => `${key}:${count}`).join("|");
  return [
    `Root=1-${seconds}-${randomBytes(12).toString("hex")}`,
    `Parent=${randomBytes(8).toString("hex")}`,
    "Sampled=0",
    `Lineage=${entries}`,
  ].join(";");
}

function hashOf(functionName: string): string {
  return createHash("sha256").update(functionName).digest("hex").slice(0, 8);
}
