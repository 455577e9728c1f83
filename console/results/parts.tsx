import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { attempt, Note, Scrollable, Tabs, toast } from "../ui/parts.tsx";
import { Markdown, Typing } from "../ui/text.tsx";
import type { PartStatus, Writing } from "./work.ts";

/** `openai:gpt-5`: the provider is small print, and left out where names are many. */
export function ModelName({ name, short = false }: { name: string; short?: boolean }) {
  const colon = name.indexOf(":");
  const [provider, model] = colon < 0 ? ["", name] : [name.slice(0, colon), name.slice(colon + 1)];
  return (
    <span class="model-name clip" title={name}>
      {provider && !short && <span class="faint">{provider}:</span>}
      {model}
    </span>
  );
}

/** As a name stands at the beginning of a line. */
export function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** What must be visible wherever something is shown that a model wrote. */
export function Marks({ of }: { of: Pick<Writing, "mock" | "truncated" | "standsIn"> }) {
  return (
    <>
      {of.mock && <span class="tag mock">mock</span>}
      {of.standsIn && (
        <span class="tag" title="The model that was asked first could not do it">
          stand-in
        </span>
      )}
      {of.truncated && (
        <span class="tag" title="The model hit its limit before it had finished">
          cut off
        </span>
      )}
    </>
  );
}

export function Labelled({
  label,
  aside,
  children,
}: {
  label: ComponentChildren;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="labelled">
      <header class="row">
        <h3>{label}</h3>
        {aside}
      </header>
      {children}
    </section>
  );
}

export function Facts({ of }: { of: [name: string, value: ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Points, or nothing where there are none. */
export function Points({ of, kind }: { of: readonly string[]; kind?: "preserved" | "lost" | "gained" }) {
  if (of.length === 0) return <p class="faint">None</p>;
  return (
    <ul class={`points ${kind ?? ""}`}>
      {of.map((point, index) => (
        // Two points may read the same.
        <li key={index}>{point}</li>
      ))}
    </ul>
  );
}

/** Points that are still to come (undefined), or that could not be had (null). */
export function Found({
  of,
  kind,
}: {
  of: readonly string[] | null | undefined;
  kind: "preserved" | "lost" | "gained";
}) {
  if (of) return <Points of={of} kind={kind} />;
  return <p class="faint">{of === null ? "Could not be found out" : "To come"}</p>;
}

/** What somebody has given to be worked on. A long one is scrolled, so that what was made of it is not far away. */
export function Given({ text }: { text: string }) {
  if (text.length < 1_500) return <p class="plain">{text}</p>;
  return (
    <Scrollable label="What was given" kind="beside-text plain">
      {text}
    </Scrollable>
  );
}

/** What a model writes, at whichever point it is. The place is there from the beginning. */
export function Written({ of, before = "To come" }: { of: Writing; before?: string }) {
  switch (of.status) {
    case "completed":
      return of.text === undefined ? <p class="faint">Fetching the text…</p> : <Markdown text={of.text} />;
    case "failed":
      return (
        <Note status="failed">
          <span>{of.failure?.message ?? "It could not be had"}</span>
          {of.failure && <code class="small">{of.failure.code}</code>}
        </Note>
      );
    case "retrying":
      return (
        <Note status="waiting">
          <span>{of.failure?.message ?? "It did not work"}</span>
          <span>It is tried again.</span>
        </Note>
      );
    case "running":
    case "waiting":
      return of.arriving ? <Typing text={of.arriving} /> : <p class="faint">At work…</p>;
    case "cancelled":
      return <p class="faint">The job ended before this.</p>;
    default:
      return <p class="faint">{before}</p>;
  }
}

/** Columns where there is room, tabs where there is not. */
export function SideBySide({
  label,
  short = false,
  items,
}: {
  label: string;
  /** A few lines each, as far as is known. */
  short?: boolean;
  items: { name: string; title: ComponentChildren; aside?: ComponentChildren; children: ComponentChildren }[];
}) {
  const selected = useSignal(items[0]?.name ?? "");
  return (
    <div class={short ? "beside short" : "beside"}>
      <div class="beside-tabs">
        <Tabs
          label={label}
          tabs={items}
          selected={selected.value}
          onSelect={(name) => {
            selected.value = name;
          }}
        />
      </div>
      <div class="beside-columns">
        {items.map(({ name, title, aside, children }) => (
          <div key={name} class={name === selected.value ? "selected" : ""}>
            <header class="row">
              <h3 class="clip">{title}</h3>
              {aside}
            </header>
            <Scrollable label={`${label}: ${name}`} kind="beside-text">
              {children}
            </Scrollable>
          </div>
        ))}
      </div>
    </div>
  );
}

const size = { width: 120, height: 68 };
const arc = "M 12 60 A 48 48 0 0 1 108 60";

/** A share of one as a needle would show it, and in words. */
export function Gauge({
  label,
  value,
  words,
  status,
}: {
  label: string;
  /** 0 to 1; null where it is not known. */
  value: number | null | undefined;
  words: string;
  status: "completed" | "waiting" | "failed" | "running";
}) {
  const known = typeof value === "number";
  const number = known ? value.toFixed(2) : "–";
  return (
    <figure class={`gauge ${status}`}>
      <svg
        viewBox={`0 0 ${size.width} ${size.height}`}
        role="img"
        aria-label={`${label}: ${known ? `${number} of 1, ` : ""}${words}`}
      >
        <path class="gauge-track" d={arc} pathLength="100" />
        {known && (
          <path class="gauge-value" d={arc} pathLength="100" stroke-dasharray={`${100 * value} 100`} />
        )}
        <text x="60" y="56" text-anchor="middle">
          {number}
        </text>
      </svg>
      <figcaption>
        <strong>{label}</strong>
        <span class="soft">{words}</span>
      </figcaption>
    </figure>
  );
}

/** The state of a part of the work: the same dot, colour and word as everywhere. */
export function PartState({ of }: { of: PartStatus }) {
  return <span class={`status ${of}`}>{of}</span>;
}

export function CopyButton({ text, what }: { text: string; what: string }) {
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => toast(`${what} copied`, "completed"),
      () => toast("The browser does not let this page copy", "failed"),
    );
  return (
    <button type="button" class="button quiet small" onClick={copy} aria-label={`Copy: ${what}`}>
      Copy
    </button>
  );
}

/** Gives out what the page holds as a file. The address lives only for the click. */
export function DownloadButton({
  name,
  type,
  content,
  label = "Download",
}: {
  name: string;
  type: string;
  content: () => BlobPart | Promise<BlobPart>;
  label?: string;
}) {
  const save = async () => {
    const url = URL.createObjectURL(new Blob([await content()], { type }));
    const link = document.createElement("a");
    Object.assign(link, { href: url, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  return (
    <button
      type="button"
      class="button quiet small"
      onClick={() => void attempt(save)}
      aria-label={`${label}: ${name}`}
    >
      {label}
    </button>
  );
}

export type Stage = { title: string; status: PartStatus };

/** Where something is that has stages, one after the other. */
export function Stages({ label, of }: { label: string; of: Stage[] }) {
  return (
    <ol class="stages" aria-label={label}>
      {of.map(({ title, status }) => (
        <li
          key={title}
          class={status}
          aria-current={status === "running" || status === "waiting" ? "step" : undefined}
        >
          {title}
          <span class="hidden-visually">: {status}</span>
        </li>
      ))}
    </ol>
  );
}
