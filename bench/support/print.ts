import { writeFileSync } from "node:fs";
import { type Figure, table } from "./figures.ts";

/** Ends a script: shows its figures, and leaves them to whoever runs all scripts. */
export function print(figures: Figure[]): void {
  console.log(table(figures));
  const file = process.env.BENCH_JSON;
  if (file) writeFileSync(file, JSON.stringify(figures));
  // Sockets that are kept open for the next watch would hold up the end.
  process.exit(0);
}
