import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { useLocation, useRoute } from "preact-iso";
import type { ConversationSummary } from "../../client/index.ts";
import { Thread } from "../chat/thread.tsx";
import { useResource } from "../live/resource.ts";
import { client } from "../service.ts";
import { useShortcuts } from "../ui/keys.ts";
import { attempt, Page, Problem, Skeleton } from "../ui/parts.tsx";
import { Moment } from "../ui/time.tsx";

export function ConversationsPage() {
  const { id } = useRoute().params;
  const list = useResource((signal) => client.conversations.list({ limit: 50, signal }), [], {
    everyMs: 10_000,
  });
  const newest = list.value.value?.conversations;
  const title = newest?.find((one) => one.id === id)?.title;
  return (
    <Page
      title={id ? (title ?? "Conversation") : "Conversations"}
      heading="Conversations"
      actions={
        <a class="button primary" href="/conversations">
          New conversation
        </a>
      }
    >
      <div class={`chat ${id ? "one" : ""}`}>
        <nav aria-label="Conversations">
          {list.error.value && <Problem of={list.error.value} retry={list.reload} />}
          {newest ? (
            <List newest={newest} cursor={list.value.value!.next_cursor} selected={id} />
          ) : (
            !list.error.value && <Skeleton lines={6} />
          )}
        </nav>
        <Thread key={id ?? "new"} id={id} onChange={list.reload} />
      </div>
    </Page>
  );
}

function List({
  newest,
  cursor,
  selected,
}: {
  newest: ConversationSummary[];
  cursor: string | null;
  selected: string | undefined;
}) {
  const { route } = useLocation();
  const older = useSignal<ConversationSummary[]>([]);
  const next = useSignal<string | null | undefined>(undefined);
  const all = [...newest, ...older.value.filter(({ id }) => newest.every((one) => one.id !== id))];
  const at = all.findIndex(({ id }) => id === selected);
  const keys = useMemo(() => {
    const go = (to: number) => {
      const one = all[Math.min(Math.max(to, 0), all.length - 1)];
      if (one) route(`/conversations/${one.id}`);
    };
    return [
      { keys: "j", does: "Next conversation", run: () => go(at + 1) },
      { keys: "k", does: "Previous conversation", run: () => go(at - 1) },
    ];
  }, [all.map(({ id }) => id).join(), at, route]);
  useShortcuts(keys);
  const more = next.value === undefined ? cursor : next.value;
  const loadMore = () =>
    attempt(async () => {
      const page = await client.conversations.list({ limit: 50, cursor: more! });
      older.value = [...older.value, ...page.conversations];
      next.value = page.next_cursor;
    });
  if (all.length === 0) return <p class="faint small">None yet: the first message begins one.</p>;
  return (
    <ul class="talks">
      {all.map(({ id, title, updated_at, processing_state }) => (
        <li key={id}>
          <a href={`/conversations/${id}`} aria-current={id === selected ? "page" : undefined}>
            <span class="clip">{title || "Untitled"}</span>
            <span class="row small faint">
              {processing_state === "idle" ? (
                <Moment at={updated_at} />
              ) : (
                <span class={`status ${processing_state === "active" ? "running" : "failed"}`}>
                  {processing_state === "active" ? "answering" : "failed"}
                </span>
              )}
            </span>
          </a>
        </li>
      ))}
      {more && (
        <li>
          <button type="button" class="button small" onClick={() => void loadMore()}>
            Show older ones
          </button>
        </li>
      )}
    </ul>
  );
}
