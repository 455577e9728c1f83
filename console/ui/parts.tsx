import { signal } from "@preact/signals";
import type { ComponentChildren, ComponentProps } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { ConvokeError } from "../../client/index.ts";
import { asProblem } from "../live/resource.ts";

/** A page: its title is the document's, so that tabs and history can be told apart. */
export function Page({
  title,
  heading = title,
  lead,
  actions,
  children,
}: {
  title: string;
  heading?: ComponentChildren;
  lead?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${title} · Convoke`;
  }, [title]);
  return (
    <div class="page">
      <header class="page-head">
        <h1>{heading}</h1>
        {actions && <div class="actions">{actions}</div>}
        {lead && <div class="lead">{lead}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({
  title,
  actions,
  children,
  bare,
}: {
  title?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
  /** Without inner space, for tables. */
  bare?: boolean;
}) {
  return (
    <section class="card">
      {title && (
        <header class="card-head">
          <h2>{title}</h2>
          {actions && <div class="actions">{actions}</div>}
        </header>
      )}
      {bare ? children : <div class="card-body">{children}</div>}
    </section>
  );
}

export function Note({ status, children }: { status?: string; children: ComponentChildren }) {
  return (
    <div class={`note ${status ?? ""}`} role={status === "failed" ? "alert" : undefined}>
      {children}
    </div>
  );
}

/** What went wrong, in the service's words, and what can be done. */
export function Problem({ of, retry }: { of: ConvokeError; retry?: () => void }) {
  return (
    <Note status="failed">
      <span>{of.message}</span>
      <code class="small">{of.code}</code>
      {retry && (
        <button type="button" class="button small" onClick={retry}>
          Try again
        </button>
      )}
    </Note>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}

/** Stands where something will be, in its size, so that nothing jumps when it comes. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div class="stack" aria-busy="true">
      <span class="hidden-visually">Loading</span>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} class="skeleton" style={{ height: "1.6rem" }} />
      ))}
    </div>
  );
}

/** What stands around one input or several: their name, what they are for, and what is wrong with them. */
export type Frame = {
  label: ComponentChildren;
  hint?: string | undefined;
  problem?: string | undefined;
};

/** Hint and problem, and the attributes by which a reader hears them with what they are about. */
function useFrame({ hint, problem }: Frame) {
  const id = useId();
  const said = (kind: string, text: string | undefined) =>
    text && (
      <span class={kind} id={`${id}-${kind}`}>
        {text}
      </span>
    );
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ");
  return {
    id,
    described: { "aria-describedby": described || undefined },
    hint: said("hint", hint),
    problem: said("problem", problem),
  };
}

/** A field with its label. */
export function Field({
  children,
  ...frame
}: Frame & {
  children: (attributes: {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": true | undefined;
  }) => ComponentChildren;
}) {
  const { id, described, hint, problem } = useFrame(frame);
  return (
    <div class="field">
      <label class="label" for={id}>
        {frame.label}
      </label>
      {children({ id, ...described, "aria-invalid": problem ? true : undefined })}
      {hint}
      {problem}
    </div>
  );
}

/** Several inputs under one name. */
export function Group({
  plain,
  children,
  ...frame
}: Frame & {
  /** Without a border. */
  plain?: boolean;
  children: ComponentChildren;
}) {
  const { described, hint, problem } = useFrame(frame);
  return (
    <fieldset class={plain ? "plain" : ""} {...described}>
      <legend>{frame.label}</legend>
      <div class="field stack tight">
        {hint}
        {children}
        {problem}
      </div>
    </fieldset>
  );
}

/** A list to choose one of. */
export function Select({
  options,
  none,
  onSelect,
  ...attributes
}: Pick<ComponentProps<"select">, "id" | "class" | "value" | "required" | "aria-label"> & {
  /** Each by its value, or with a text of its own. */
  options: (string | { value: string; label: string })[];
  /** What it says when none of them is chosen, which is the empty value. */
  none?: string;
  onSelect: (value: string) => void;
}) {
  return (
    <select {...attributes} onChange={({ currentTarget }) => onSelect(currentTarget.value)}>
      {none && <option value="">{none}</option>}
      {options.map((option) => {
        const { value, label } = typeof option === "string" ? { value: option, label: option } : option;
        return (
          <option key={value} value={value}>
            {label}
          </option>
        );
      })}
    </select>
  );
}

export function Tabs<Name extends string>({
  tabs,
  selected,
  onSelect,
  label,
}: {
  tabs: { name: Name; title: ComponentChildren }[];
  selected: Name;
  onSelect: (name: Name) => void;
  label: string;
}) {
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    const at = tabs.findIndex(({ name }) => name === selected);
    const next = tabs[(at + step + tabs.length) % tabs.length]!;
    onSelect(next.name);
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`[data-tab="${next.name}"]`)?.focus();
    event.preventDefault();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map(({ name, title }) => (
        <button
          type="button"
          role="tab"
          key={name}
          data-tab={name}
          aria-selected={name === selected}
          tabIndex={name === selected ? 0 : -1}
          onClick={() => onSelect(name)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

/** What may be larger than its place. A group and no landmark: several may show the same kind of thing on one page. */
export function Scrollable({
  label,
  kind,
  children,
}: {
  label: string;
  /** Its looks. */
  kind: string;
  children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard does not get to see all of it
    <div role="group" class={kind} dir="auto" tabIndex={0} aria-label={label}>
      {children}
    </div>
  );
}

/** A table that may be wider than its place. */
export function TableScroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <Scrollable label={label} kind="table-scroll">
      {children}
    </Scrollable>
  );
}

/** A dialog of the browser's own: it traps the focus, closes with Escape and gives the focus back. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    element.current?.showModal();
  }, []);
  return (
    <dialog ref={element} onClose={onClose} aria-labelledby={id}>
      <div class="dialog-body">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

type Toast = { id: number; text: string; status?: string };
const toasts = signal<Toast[]>([]);
let toastCount = 0;

/** Says for a while what has happened. */
export function toast(text: string, status?: string): void {
  const id = ++toastCount;
  toasts.value = [...toasts.value.slice(-3), { id, text, ...(status ? { status } : {}) }];
  setTimeout(() => {
    toasts.value = toasts.value.filter((one) => one.id !== id);
  }, 6_000);
}

export function Toasts() {
  return (
    <div class="toasts" role="status">
      {toasts.value.map(({ id, text, status }) => (
        <Note key={id} status={status ?? ""}>
          {text}
        </Note>
      ))}
    </div>
  );
}

/** Does what a click asks for; what goes wrong is said, not thrown. @returns whether it worked. */
export async function attempt(what: () => Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await what();
    if (done) toast(done, "completed");
    return true;
  } catch (reason) {
    toast(asProblem(reason).message, "failed");
    return false;
  }
}
