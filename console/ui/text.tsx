import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

/** Loaded with the first text that needs it: most pages show none. */
const reader = signal<typeof import("./markdown.tsx")["markdown"]>();

/** What a model wrote, as markdown. Until the reader of that is loaded, and wherever it fails, the text stands there as it is. */
export function Markdown({ text }: { text: string }) {
  useEffect(() => {
    if (reader.value) return;
    import("./markdown.tsx").then(({ markdown }) => {
      reader.value = markdown;
    }, console.warn);
  }, []);
  const read = reader.value;
  const elements = useMemo(() => read?.(text), [read, text]);
  return <div class="prose">{elements ?? <p class="plain">{text}</p>}</div>;
}

/** A text while it arrives: plain, since half a table is no table. */
export function Typing({ text }: { text: ReadonlySignal<string> }) {
  return <p class="plain typing">{text}</p>;
}
