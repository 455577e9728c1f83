import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { OnBusy } from "../../client/index.ts";
import { useResource } from "../live/resource.ts";
import { client } from "../service.ts";
import { Select } from "../ui/parts.tsx";

export type SendWith = { type?: string; on_busy?: OnBusy };

/** Who may be asked: types that answer, and the one that hands the question on. */
const router = "router";

const whenBusy: { value: OnBusy; label: string }[] = [
  { value: "enqueue", label: "Wait for the answer before it" },
  { value: "interrupt", label: "Stop the answer before it" },
  { value: "reject", label: "Refuse it" },
];

/** Enter sends, Shift and Enter begin a line. What is not sent yet survives a reload. */
export function Composer({
  draftKey,
  isBusy,
  onSend,
}: {
  draftKey: string;
  isBusy: boolean;
  onSend: (content: string, options: SendWith) => Promise<boolean>;
}) {
  const text = useSignal(sessionStorage.getItem(draftKey) ?? "");
  const type = useSignal("");
  const onBusy = useSignal<OnBusy>("enqueue");
  const sending = useSignal(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const types = useResource((signal) => client.jobTypes({ signal }), []);
  const speakers = (types.value.value ?? [])
    .filter(({ type, conversational }) => conversational || type === router)
    .map(({ type }) => type);
  useEffect(() => field.current?.focus({ preventScroll: true }), []);

  const write = (next: string) => {
    text.value = next;
    sessionStorage.setItem(draftKey, next);
  };
  const send = async () => {
    const content = text.value.trim();
    if (content === "" || sending.value) return;
    sending.value = true;
    write("");
    const sent = await onSend(content, {
      ...(type.value === "" ? {} : { type: type.value }),
      ...(isBusy ? { on_busy: onBusy.value } : {}),
    });
    // Nothing that somebody has written gets lost, not even what they have written meanwhile.
    if (!sent) write(text.value === "" ? content : `${content}\n${text.value}`);
    sending.value = false;
    field.current?.focus({ preventScroll: true });
  };

  return (
    <form
      class="composer"
      aria-label="New message"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <textarea
        ref={field}
        class="input"
        aria-label="Message"
        placeholder="Ask the council"
        rows={2}
        value={text.value}
        onInput={({ currentTarget }) => write(currentTarget.value)}
        onKeyDown={(event) => {
          // Enter also ends the spelling of a word in scripts that are composed.
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          void send();
        }}
      />
      <div class="row">
        <label class="row small soft">
          Answered by
          <Select
            class="input inline"
            value={type.value}
            none="the usual one"
            options={speakers}
            onSelect={(value) => (type.value = value)}
          />
        </label>
        {isBusy && (
          <label class="row small soft">
            An answer is being written
            <Select
              class="input inline"
              value={onBusy.value}
              options={whenBusy}
              onSelect={(value) => (onBusy.value = value as OnBusy)}
            />
          </label>
        )}
        <button
          type="submit"
          class="button primary"
          disabled={sending.value || text.value.trim() === ""}
          title="Enter; Shift and Enter begin a line"
        >
          Send
        </button>
      </div>
    </form>
  );
}
