import { seededRandom } from "../../core/memory.ts";
import type { Millis } from "../../core/protocol/json.ts";

type Rate = {
  /** The highest chance per occasion that a storm gives it. */
  most: number;
  /** Takes part only where nothing may be lost but messages, records and pushes: it then must not cost a call. */
  gentle?: true;
};

/** Everything that can go wrong, with the highest rate at which it does. */
export const faultRates = {
  // Calls to the table, the queue and the payload store.
  "request lost": { most: 0.04 },
  "answer lost": { most: 0.04 },
  throttled: { most: 0.04 },
  slow: { most: 0.1, gentle: true },
  "payload not put": { most: 0.3 },
  "index behind": { most: 0.3 },
  "copy behind": { most: 0.5, gentle: true },
  // Invocations.
  death: { most: 0.012 },
  pause: { most: 0.008 },
  "short invocation": { most: 0.2 },
  "clock off": { most: 0.5 },
  // Messages and sweeps.
  "message lost": { most: 0.3, gentle: true },
  "message doubled": { most: 0.4, gentle: true },
  "message late": { most: 0.4, gentle: true },
  "message early": { most: 0.1 },
  "message for nobody": { most: 0.1, gentle: true },
  "redelivered in vain": { most: 0.5 },
  "sweep skipped": { most: 0.5, gentle: true },
  "sweep doubled": { most: 0.4, gentle: true },
  // The stream and its consumer.
  "record doubled": { most: 0.2, gentle: true },
  "record swapped": { most: 0.5, gentle: true },
  "record dropped": { most: 0.08, gentle: true },
  "record unreadable": { most: 0.1, gentle: true },
  // Pushes and sockets.
  "push lost": { most: 0.08, gentle: true },
  "push swapped": { most: 0.3, gentle: true },
  "push gone": { most: 0.04, gentle: true },
  "push busy": { most: 0.1, gentle: true },
  "push failed": { most: 0.05, gentle: true },
  "socket cut": { most: 0.8 },
  "socket dead": { most: 0.3 },
  "socket refused": { most: 0.4 },
  "disconnect unsaid": { most: 0.5 },
  "request unanswered": { most: 0.15 },
  // Models.
  "model busy": { most: 0.2, gentle: true },
  "model broken": { most: 0.1, gentle: true },
  "model slow": { most: 0.05, gentle: true },
  "model garbled": { most: 0.15, gentle: true },
  // What people do at a bad moment.
  cancel: { most: 0.5, gentle: true },
  "cancel at the end": { most: 0.3, gentle: true },
  "answered by many": { most: 0.9, gentle: true },
  paused: { most: 0.3, gentle: true },
  forked: { most: 0.25, gentle: true },
  "waits for others": { most: 0.4, gentle: true },
  "begins later": { most: 0.3, gentle: true },
  "submitted twice": { most: 0.6, gentle: true },
  "asked for by others": { most: 0.4, gentle: true },
  flawed: { most: 0.3, gentle: true },
  "tried again": { most: 0.9, gentle: true },
  "goes on anew": { most: 0.25, gentle: true },
  "own budget": { most: 0.4, gentle: true },
  "kept schedule": { most: 0.2, gentle: true },
  "flooded by others": { most: 0.5, gentle: true },
  "key used again": { most: 0.3, gentle: true },
  "watcher leaves": { most: 0.3, gentle: true },
  "watched after the end": { most: 0.9, gentle: true },
  "stranger watches": { most: 0.3, gentle: true },
  // The deployment.
  deploy: { most: 0.2 },
  "small budget": { most: 0.15 },
  "few slots": { most: 0.5, gentle: true },
  "few slots of a type": { most: 0.4, gentle: true },
  "small frames": { most: 0.3, gentle: true },
  expiry: { most: 0.1, gentle: true },
  /** The table is put back to what it was a while ago. */
  restored: { most: 0.05 },
} satisfies Record<string, Rate>;

export type Fault = keyof typeof faultRates;
export const faultKinds = Object.keys(faultRates) as Fault[];

/** What a storm draws: from one generator, so that a seed is all that it takes to have the storm again. */
export class Chance {
  readonly random: () => number;
  constructor(seed: number) {
    this.random = seededRandom(seed);
  }
  readonly of = (chance: number): boolean => this.random() < chance;
  readonly between = (low: number, high: number): number =>
    low + Math.floor(this.random() * (high - low + 1));
  readonly pick = <T>(of: readonly T[]): T => of[this.between(0, of.length - 1)]!;
}

/**
 * `harsh`: everything. `gentle`: nobody dies or falls silent, so that no call may be repeated. `clear`: nothing stands
 * between the journal and its watchers either, so that they may miss nothing.
 */
export type Weather = "harsh" | "gentle" | "clear";

/** Which weather the seeds have, in turn. */
export const weathers: Weather[] = ["gentle", "harsh", "harsh", "clear", "harsh", "harsh"];

function strikesIn(weather: Weather, kind: Fault): boolean {
  const { gentle }: Rate = faultRates[kind];
  return weather === "harsh" || (gentle === true && (weather === "gentle" || !/^(record|push) /.test(kind)));
}

/** The faults of one storm. Each has some of them, and others not at all. */
export class Faults {
  /** How often each has struck. */
  readonly struck = new Map<Fault, number>();
  readonly #rates: Record<Fault, number>;
  readonly #chance: Chance;
  readonly #off: ReadonlySet<Fault>;
  readonly #strikes: (fault: Fault) => void;
  #over = false;

  constructor(
    chance: Chance,
    {
      weather,
      off,
      onStrike,
    }: { weather: Weather; off: ReadonlySet<Fault>; onStrike: (fault: Fault) => void },
  ) {
    this.#chance = chance;
    this.#off = off;
    this.#strikes = onStrike;
    this.#rates = Object.fromEntries(
      faultKinds.map((kind) => {
        const { most } = faultRates[kind];
        const rate = chance.of(0.45) ? 0 : chance.random() * most;
        return [kind, strikesIn(weather, kind) ? rate : 0];
      }),
    ) as Record<Fault, number>;
  }

  /** Whether it happens now. One that is switched off is drawn all the same, so that the others fall where they fell. */
  strikes(fault: Fault): boolean {
    const rate = this.#rates[fault];
    if (rate === 0 || this.#over || this.#chance.random() >= rate || this.#off.has(fault)) return false;
    this.struck.set(fault, (this.struck.get(fault) ?? 0) + 1);
    this.#strikes(fault);
    return true;
  }

  /** From now on nothing goes wrong any more. */
  end(): void {
    this.#over = true;
  }

  get over(): boolean {
    return this.#over;
  }
}

/** Clocks are off by a second as often as by ten minutes. */
export function clockOffset(chance: Chance): Millis {
  const ms = 1_000 * 600 ** chance.random();
  return Math.round(chance.of(0.5) ? ms : -ms);
}
