import { type ReadonlySignal, useComputed } from "@preact/signals";
import { Typing } from "./text.tsx";

/** A text that is to come, and then comes. */
export function Arriving({ text, before }: { text: ReadonlySignal<string>; before: string }) {
  const isThere = useComputed(() => text.value !== "");
  return isThere.value ? <Typing text={text} /> : <p class="faint">{before}</p>;
}
