import { place } from "../core/engine/place.ts";

/** What a job function has used outside of its steps, by name, and where it did so first. */
export type Used = Map<string, string>;

const goldenRatio = 0.618_033_988_749_894_9;
const dayAndMoreMs = 37 * 3_600_000 + 671_017;

/**
 * Time and chance that never come out the same twice for a job function outside of its steps, while `work` runs: a
 * coin falls on its other side, a clock has gone on by a day. What depends on them shows itself then. Everybody else
 * in this process has those of the language.
 */
export async function withUnsteady<T>(work: (used: Used) => Promise<T>): Promise<T> {
  const used: Used = new Map();
  const { Date: realDate } = globalThis;
  const { random: realRandom } = Math;
  let drawn = 0;

  /** @returns how often anything was drawn, or undefined for those whom it does not concern. */
  const draw = (name: string): number | undefined => {
    const here = place.getStore();
    if (!here || here.step !== undefined) return undefined;
    if (!used.has(name)) used.set(name, caller());
    drawn += 1;
    return drawn;
  };
  const now = (name: string) => {
    const number = draw(name);
    return number === undefined ? undefined : realDate.now() + number * dayAndMoreMs;
  };
  const random = () => {
    const number = draw("Math.random");
    // Each draw lies far from the one before, and together they lie everywhere.
    return number === undefined ? realRandom() : (number * goldenRatio) % 1;
  };

  Math.random = random;
  globalThis.Date = new Proxy(realDate, {
    get: (target, name, receiver) =>
      name === "now" ? () => now("Date.now") ?? realDate.now() : Reflect.get(target, name, receiver),
    construct: (target, given, type) => {
      const moment = given.length === 0 ? now("new Date") : undefined;
      return Reflect.construct(target, moment === undefined ? given : [moment], type) as Date;
    },
  });
  try {
    return await work(used);
  } finally {
    if (Math.random === random) Math.random = realRandom;
    globalThis.Date = realDate;
  }
}

/** The first line of the stack that is neither ours nor the language's. */
function caller(): string {
  const lines = new Error().stack?.split("\n").slice(1) ?? [];
  const line = lines.find((one) => !one.includes(import.meta.filename) && !one.includes("node:internal"));
  return /\(?((?:file:\/\/)?\/[^)]*|[^()\s]+:\d+:\d+)\)?$/.exec(line ?? "")?.[1] ?? "";
}
