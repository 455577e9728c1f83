import { useEffect } from "preact/hooks";

/** What a key does, for whoever asks with `?`. */
export type Shortcut = { keys: string; does: string; run: () => void };

const active = new Set<readonly Shortcut[]>();

/** Every shortcut that works at this moment. */
export function shortcuts(): Shortcut[] {
  return [...active].flat();
}

let first = "";

addEventListener("keydown", (event) => {
  const at = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  // A box that is ticked wants the space bar only.
  if (at.closest("input:not([type=checkbox]), textarea, select, dialog, [contenteditable]")) return;
  const known = shortcuts();
  const found =
    known.find(({ keys }) => keys === `${first} ${event.key}`) ??
    known.find(({ keys }) => keys === event.key);
  first = !found && known.some(({ keys }) => keys.startsWith(`${event.key} `)) ? event.key : "";
  if (!found) return;
  event.preventDefault();
  found.run();
});

/** Keys that work while a component is shown: one (`j`), or two after each other (`g j`). */
export function useShortcuts(list: readonly Shortcut[]): void {
  useEffect(() => {
    active.add(list);
    return () => {
      active.delete(list);
    };
  }, [list]);
}
