import type { Json } from "../../core/protocol/json.ts";

/** Any value, folded below its first levels. */
export function JsonView({ value, open = 2 }: { value: Json; open?: number }) {
  return (
    <div class="json">
      <Value value={value} open={open} />
    </div>
  );
}

const mostShown = 200;

function Value({ value, open }: { value: Json; open: number }) {
  if (typeof value === "string") return <span class="string">{JSON.stringify(value)}</span>;
  if (value === null || typeof value !== "object") return <span class="other">{String(value)}</span>;
  const entries = Object.entries(value) as [string, Json][];
  const [left, right] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return <span>{`${left}${right}`}</span>;
  return (
    <details open={open > 0}>
      <summary>
        {left}
        <span class="faint">
          {entries.length} {Array.isArray(value) ? "items" : "fields"}
        </span>
        {right}
      </summary>
      {entries.slice(0, mostShown).map(([name, inner]) => (
        <div class="entry" key={name}>
          <span class="name">{name}: </span>
          <Value value={inner} open={open - 1} />
        </div>
      ))}
      {entries.length > mostShown && <div class="entry faint">and {entries.length - mostShown} more</div>}
    </details>
  );
}
