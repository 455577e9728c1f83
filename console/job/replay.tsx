import type { Signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { EventView } from "../../client/index.ts";
import { useShortcuts } from "../ui/keys.ts";
import { clock, Moment } from "../ui/time.tsx";

/**
 * Goes back to any event. `at` is the last one that the page shows; undefined is the present.
 * @param onSettled - The address takes over what `at` is, once a drag is over.
 */
export function Replay({
  at,
  events,
  count,
  ended,
  onSettled,
}: {
  at: Signal<number | undefined>;
  events: EventView[];
  count: number;
  ended: boolean;
  onSettled: () => void;
}) {
  const shown = Math.min(at.value ?? count, count);
  const event = events[shown - 1];
  const keys = useMemo(() => {
    const move = (by: number) => {
      const next = (at.value ?? events.length) + by;
      at.value = next >= events.length ? undefined : Math.max(1, next);
      onSettled();
    };
    return [
      { keys: "ArrowLeft", does: "One event back", run: () => move(-1) },
      { keys: "ArrowRight", does: "One event on", run: () => move(1) },
      { keys: "l", does: "Back to the present", run: () => move(Number.POSITIVE_INFINITY) },
    ];
  }, [at, events, onSettled]);
  useShortcuts(keys);
  const [back, on, present] = keys;
  const replaying = at.value !== undefined;
  return (
    <section class={`replay ${replaying ? "past" : ""}`} aria-label="Moment that is shown">
      <div class="row">
        <button type="button" class="button small" disabled={shown <= 1} onClick={back!.run}>
          <span aria-hidden="true">‹</span>
          <span class="hidden-visually">One event back</span>
        </button>
        <button type="button" class="button small" disabled={!replaying} onClick={on!.run}>
          <span aria-hidden="true">›</span>
          <span class="hidden-visually">One event on</span>
        </button>
      </div>
      <input
        type="range"
        aria-label="Event up to which the page is shown"
        aria-valuetext={event && `Event ${shown} of ${count}: ${event.kind}, ${clock(event.at)}`}
        min={1}
        max={Math.max(count, 1)}
        value={shown}
        onInput={({ currentTarget }) => {
          const next = Number(currentTarget.value);
          at.value = next >= events.length ? undefined : next;
        }}
        onChange={onSettled}
      />
      <div class="row moment">
        <span class="number">
          <strong>{shown}</strong> <span class="faint">of {count}</span>
        </span>
        <span class="number soft">{event && clock(event.at)}</span>
        <span class="faint ago">{event && <Moment at={event.at} />}</span>
        <button
          type="button"
          class={`button small ${replaying ? "primary" : ""}`}
          aria-pressed={!replaying}
          disabled={!replaying}
          onClick={present!.run}
        >
          {ended ? "End" : "Live"}
        </button>
      </div>
    </section>
  );
}
