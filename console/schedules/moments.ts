import { Cron } from "croner";

/** The moments that come next, as the service will find them. @throws Error that says what is wrong. */
export function nextMoments(cron: string, timezone: string, from: number, count: number): number[] {
  const parts = cron.trim().split(/\s+/).length;
  if (parts < 5 || parts > 6)
    throw new Error(`A cron expression has 5 fields, or 6 with seconds first, not ${parts}`);
  const moments: number[] = [];
  const read = new Cron(cron, { timezone, mode: "5-or-6-parts", paused: true });
  for (let at = new Date(from); moments.length < count; ) {
    const next = read.nextRun(at);
    if (!next) break;
    moments.push(next.getTime());
    at = next;
  }
  return moments;
}
