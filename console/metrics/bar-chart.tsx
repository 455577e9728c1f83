import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

export type Series = {
  name: string;
  /** The token of its colour, e.g. `--running`. */
  colour: string;
  /** `null` where nothing is known. */
  values: (number | null)[];
};

/** Bars on bars. What it shows is also in a table: nobody has to see it. */
export function BarChart({
  labels,
  series,
  format,
  label,
}: {
  labels: string[];
  series: Series[];
  format: (value: number) => string;
  label: string;
}) {
  const pointed = useSignal<number | undefined>(undefined);
  const plot = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  useEffect(() => {
    const resized = new ResizeObserver(([entry]) => {
      width.value = entry!.contentRect.width;
    });
    resized.observe(plot.current!);
    return () => resized.disconnect();
  }, []);

  const shown = pointed.value ?? labels.length - 1;
  const bars = stacked(series);
  const top = Math.max(...bars.flatMap(({ ends }) => ends)) || 1;
  const every = labelsApart.find((by) => (by * width.value) / labels.length >= labelPx) ?? labels.length;
  return (
    <figure class="chart">
      <figcaption class="small soft number">
        <strong>{labels[shown]}</strong>
        {series.map(({ name, colour, values }) => (
          <span key={name}>
            <span class="swatch" style={{ background: `var(${colour})` }} /> {name}{" "}
            {values[shown] === null || values[shown] === undefined ? "unknown" : format(values[shown])}
          </span>
        ))}
      </figcaption>
      <div
        ref={plot}
        class="plot"
        role="img"
        aria-label={label}
        onMouseLeave={() => (pointed.value = undefined)}
      >
        {linesUpTo(top).map((value) => (
          <div key={value} class="plot-line" style={{ bottom: `${(100 * value) / top}%` }}>
            <span>{format(value)}</span>
          </div>
        ))}
        {labels.map((name, at) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: who points sees in the heading what the table says too
          <div key={name} class="plot-place" onMouseEnter={() => (pointed.value = at)}>
            {bars.map(({ colour, ends }) => (
              <div
                key={colour}
                class="plot-bar"
                style={{ height: `${(100 * ends[at]!) / top}%`, background: `var(${colour})` }}
              />
            ))}
            {at % every === 0 && <span>{name}</span>}
          </div>
        ))}
      </div>
    </figure>
  );
}

/** Where the bars of each series end, from the last one to the first: each covers those behind it down to its own end. */
function stacked(series: Series[]): { colour: string; ends: number[] }[] {
  const bars: { colour: string; ends: number[] }[] = [];
  for (const { colour, values } of series) {
    const below = bars[0]?.ends;
    bars.unshift({ colour, ends: values.map((value, at) => (value ?? 0) + (below?.[at] ?? 0)) });
  }
  return bars;
}

/** A label takes so much room; where there is less, only every so many days have theirs. */
const labelPx = 50;
const labelsApart = [1, 2, 5, 10];

/** So many lines at most are above that of zero. */
const mostLines = 3;

/** The values of the lines behind the bars: round ones. */
function linesUpTo(top: number): number[] {
  const least = top / (mostLines + 1);
  const power = 10 ** Math.floor(Math.log10(least));
  const apart = power * [1, 2, 2.5, 5, 10].find((round) => round * power > least)!;
  return Array.from({ length: Math.floor(top / apart) + 1 }, (_, index) => index * apart);
}
