import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";

export type Series = {
  name: string;
  /** The token of its colour, e.g. `--running`. */
  colour: string;
  /** `null` where nothing is known. */
  values: (number | null)[];
};

/** Bars on bars. What it shows is also in a table: nobody has to see it. */
export default function BarChart({
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
  const place = useRef<HTMLDivElement>(null);
  const pointed = useSignal<number | undefined>(undefined);
  const content = JSON.stringify([labels, series]);
  useEffect(() => {
    const element = place.current!;
    const plot = new UPlot(optionsOf(element), dataOf(series), element);
    const resized = new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: element.clientHeight }),
    );
    resized.observe(element);
    // Colours are looked up when it is drawn.
    const redraw = () => plot.redraw(false);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", redraw);
    const themed = new MutationObserver(redraw);
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      resized.disconnect();
      themed.disconnect();
      scheme.removeEventListener("change", redraw);
      plot.destroy();
    };
  }, [content]);

  function optionsOf(element: HTMLElement): UPlot.Options {
    const colour = (token: string) => () => {
      // `light-dark()` means nothing to a canvas: an element knows which of the two it is.
      element.style.color = `var(${token})`;
      return getComputedStyle(element).color;
    };
    const font = getComputedStyle(element).font;
    const axis = { stroke: colour("--text-faint"), font, ticks: { show: false } };
    return {
      width: element.clientWidth,
      height: element.clientHeight,
      // The axes have room of their own.
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: [-0.6, labels.length - 0.4] },
        y: { range: (_, _min, max) => [0, max || 1] },
      },
      axes: [
        {
          ...axis,
          size: 28,
          grid: { show: false },
          values: (_, splits) => splits.map((at) => labels[at] ?? ""),
          incrs: [1, 2, 5, 10],
        },
        {
          ...axis,
          size: 48,
          grid: { stroke: colour("--border"), width: 1 },
          values: (_, splits) => splits.map(format),
        },
      ],
      series: [
        {},
        // The last one is on top of the sum of all others, so the whole sum is drawn first.
        ...[...series].reverse().map(({ name, colour: token }) => ({
          label: name,
          fill: colour(token),
          width: 0,
          points: { show: false },
          paths: UPlot.paths.bars!({ size: [0.7, 48], radius: 0.15 }),
        })),
      ],
      hooks: {
        setCursor: [
          ({ cursor: { idx } }) => {
            pointed.value = idx ?? undefined;
          },
        ],
      },
    };
  }

  const at = pointed.value ?? labels.length - 1;
  return (
    <figure class="chart">
      <figcaption class="small soft number">
        <strong>{labels[at]}</strong>
        {series.map(({ name, colour, values }) => (
          <span key={name}>
            <span class="swatch" style={{ background: `var(${colour})` }} /> {name}{" "}
            {values[at] === null || values[at] === undefined ? "unknown" : format(values[at])}
          </span>
        ))}
      </figcaption>
      <div ref={place} class="chart-place" role="img" aria-label={label} />
    </figure>
  );
}

function dataOf(series: Series[]): UPlot.AlignedData {
  const count = series[0]?.values.length ?? 0;
  const sums: (number | null)[][] = [];
  for (const { values } of series) {
    const below = sums.at(-1);
    sums.push(values.map((value, at) => (value === null ? null : value + (below?.[at] ?? 0))));
  }
  return [Array.from({ length: count }, (_, index) => index), ...sums.reverse()] as UPlot.AlignedData;
}
