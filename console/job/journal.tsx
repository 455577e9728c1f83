import { type Signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { EventView } from "../../client/index.ts";
import { gistOf } from "../live/gist.ts";
import type { LiveJob } from "../live/live-job.ts";
import { isElsewhere } from "../live/story.ts";
import { useTask } from "../live/task.ts";
import { useValue } from "../live/value.ts";
import { client } from "../service.ts";
import { JsonView } from "../ui/json.tsx";
import { attempt, Empty, Problem, Select, Skeleton } from "../ui/parts.tsx";
import { clock, duration } from "../ui/time.tsx";

/** Rows come in blocks: one that has not changed costs nothing, and one that is not seen is not laid out. */
const blockRows = 100;

/** Everything that was written down, in its order. What comes after `at` is there, but pale. */
export function Journal({
  live,
  at,
  onGo,
}: {
  live: LiveJob;
  at: Signal<number | undefined>;
  onGo: (seq: number) => void;
}) {
  const kind = useSignal("");
  const words = useSignal("");
  const newestFirst = useSignal(false);
  const total = live.count.value;
  const { events, jobId } = live;
  const kinds = useMemo(() => countByKind(events), [events, total]);
  const wanted = words.value.trim().toLowerCase();
  const found = useMemo(() => {
    const all =
      kind.value === "" && wanted === ""
        ? events.slice(0, total)
        : events.filter(
            (event) =>
              (kind.value === "" || event.kind === kind.value) &&
              (wanted === "" || gistOf(event).toLowerCase().includes(wanted)),
          );
    return newestFirst.value ? all.reverse() : all;
  }, [events, total, kind.value, wanted, newestFirst.value]);
  const blocks = Array.from({ length: Math.ceil(found.length / blockRows) }, (_, index) =>
    found.slice(index * blockRows, (index + 1) * blockRows),
  );
  return (
    <section class="stack" aria-label="Journal">
      <div class="row">
        <label class="row small soft">
          Kind
          <Select
            class="input inline"
            value={kind.value}
            none={`all (${total})`}
            options={[...kinds].map(([value, count]) => ({ value, label: `${value} (${count})` }))}
            onSelect={(value) => (kind.value = value)}
          />
        </label>
        <input
          class="input inline"
          type="search"
          aria-label="Find in the journal"
          placeholder="Step or words"
          value={words.value}
          onInput={({ currentTarget }) => (words.value = currentTarget.value)}
        />
        <label class="row small soft">
          <input
            type="checkbox"
            checked={newestFirst.value}
            onChange={({ currentTarget }) => (newestFirst.value = currentTarget.checked)}
          />
          Newest first
        </label>
        <span class="small faint number" role="status">
          {found.length === total ? `${total} events` : `${found.length} of ${total} events`}
        </span>
        <ExportButton jobId={jobId} />
      </div>
      {found.length === 0 && <Empty>No event is like that.</Empty>}
      <div class="events">
        {blocks.map((block, index) => (
          <Block
            key={`${kind.value} ${wanted} ${newestFirst.value} ${index}`}
            jobId={jobId}
            block={block}
            beginAt={events[0]?.at ?? ""}
            at={at}
            onGo={onGo}
          />
        ))}
      </div>
    </section>
  );
}

function countByKind(events: EventView[]): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const { kind } of events) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return kinds;
}

type BlockProps = {
  jobId: string;
  block: EventView[];
  beginAt: string;
  at: Signal<number | undefined>;
  onGo: (seq: number) => void;
};

function Block({ jobId, block, beginAt, at, onGo }: BlockProps) {
  const seqs = [block[0]!.seq, block.at(-1)!.seq];
  const lowest = Math.min(...seqs) - 1;
  const highest = Math.max(...seqs);
  // Where `at` lies outside of the block does not matter to it.
  const shownTo = Math.min(Math.max(at.value ?? highest, lowest), highest);
  return useMemo(
    () => (
      <ol class="block">
        {block.map((event) => (
          <EventRow
            key={event.seq}
            jobId={jobId}
            event={event}
            sinceMs={Date.parse(event.at) - Date.parse(beginAt)}
            isFuture={event.seq > shownTo}
            onGo={onGo}
          />
        ))}
      </ol>
    ),
    [jobId, block.length, ...seqs, shownTo, onGo],
  );
}

function EventRow({
  jobId,
  event,
  sinceMs,
  isFuture,
  onGo,
}: {
  jobId: string;
  event: EventView;
  sinceMs: number;
  isFuture: boolean;
  onGo: (seq: number) => void;
}) {
  const open = useSignal(false);
  return (
    <li class={isFuture ? "future" : ""}>
      <button
        type="button"
        class="event"
        aria-expanded={open.value}
        onClick={() => (open.value = !open.value)}
        title={clock(event.at)}
      >
        <span class="number faint">{event.seq}</span>
        <span class="number soft">+{duration(sinceMs)}</span>
        <span class={`kind ${colourOf(event.kind)}`}>{event.kind}</span>
        <span class="clip soft">{gistOf(event)}</span>
      </button>
      {open.value && (
        <div class="opened stack tight">
          <div class="row small">
            <button type="button" class="button small" onClick={() => onGo(event.seq)}>
              Show the page as it was here
            </button>
            <span class="number faint">{event.at}</span>
          </div>
          <JsonView value={event} open={2} />
          {isElsewhere(event) && <Elsewhere jobId={jobId} event={event} />}
        </div>
      )}
    </li>
  );
}

function Elsewhere({ jobId, event }: { jobId: string; event: EventView }) {
  const { value, error, retry } = useValue(jobId, event);
  if (error) return <Problem of={error} retry={retry} />;
  return value === undefined ? <Skeleton lines={2} /> : <JsonView value={value} open={1} />;
}

/** The colour of what an event comes to. */
function colourOf(kind: EventView["kind"]): string {
  if (/\.(completed|resumed|ended)$/.test(kind)) return "completed";
  if (/\.(failed|expired)$|exceeded/.test(kind)) return "failed";
  if (/\.(started|claimed)$/.test(kind)) return "running";
  if (/cancel/.test(kind)) return "cancelled";
  if (/\.(created|checked|paused|released)$/.test(kind)) return "waiting";
  return "pending";
}

/** The journal as it is stored, one entry a line: `convoke import` takes it. */
function ExportButton({ jobId }: { jobId: string }) {
  const { busy, run } = useTask();
  const save = () =>
    attempt(async () => {
      const lines: string[] = [];
      for await (const entry of client.journal(jobId)) lines.push(`${JSON.stringify(entry)}\n`);
      const address = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
      const link = document.createElement("a");
      link.href = address;
      link.download = `${jobId}.jsonl`;
      link.click();
      URL.revokeObjectURL(address);
    });
  return (
    <button type="button" class="button small" disabled={busy.value} onClick={() => void run(save)}>
      Download as JSONL
    </button>
  );
}
