import { type ReadonlySignal, signal } from "@preact/signals";

const ticking = signal(Date.now());
setInterval(() => {
  if (!document.hidden) ticking.value = Date.now();
}, 1_000);

/** This moment, to the second: whoever shows it is rendered again when it changes. */
export const now: ReadonlySignal<number> = ticking;

const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

const ofDay = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** The time of day to the millisecond, for moments that lie close together. */
export function clock(at: string | number): string {
  const date = new Date(at);
  return `${ofDay.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** How long ago or how soon, with the whole moment on hover. */
export function Moment({ at }: { at: string | number | null | undefined }) {
  if (at === null || at === undefined) return <span class="faint">–</span>;
  const date = new Date(at);
  return (
    <time dateTime={date.toISOString()} title={absolute.format(date)} class="number">
      {relative(date.getTime() - now.value)}
    </time>
  );
}

/** A length of time that is over, or goes on. */
export function Duration({ from, to }: { from: number; to?: number | undefined }) {
  return <span class="number">{duration((to ?? Math.max(now.value, from)) - from)}</span>;
}

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${Math.round(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function relative(ms: number): string {
  const size = Math.abs(ms);
  if (size < 2_000) return "now";
  const text =
    size < 60_000
      ? `${Math.round(size / 1_000)} s`
      : size < 3_600_000
        ? `${Math.round(size / 60_000)} min`
        : size < 86_400_000
          ? `${Math.round(size / 3_600_000)} h`
          : `${Math.round(size / 86_400_000)} d`;
  return ms < 0 ? `${text} ago` : `in ${text}`;
}
