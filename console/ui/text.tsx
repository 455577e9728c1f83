import type { ReadonlySignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/** Loaded with the first text that needs it: most pages show none. */
const markdown = () => import("./markdown.ts");

/**
 * What a model wrote, as markdown. It is hostile until proven otherwise: only what the sanitizer lets through reaches
 * the page. Until that is loaded, and wherever it fails, the text stands there as it is.
 */
export function Markdown({ text }: { text: string }) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let current = true;
    void markdown().then(({ safe }) => {
      if (current) element.current?.replaceChildren(safe(text));
    });
    return () => {
      current = false;
    };
  }, [text]);
  return (
    <div key={text} ref={element} class="prose">
      <p class="plain">{text}</p>
    </div>
  );
}

/** A text while it arrives: plain, since half a table is no table. */
export function Typing({ text }: { text: ReadonlySignal<string> }) {
  return <p class="plain typing">{text}</p>;
}
