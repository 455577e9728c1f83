import { useSignal } from "@preact/signals";
import type { JobSummary } from "../../client/index.ts";
import { isTerminal } from "../../core/protocol/job.ts";
import type { Filter } from "../live/job-rows.ts";
import { client } from "../service.ts";
import { attempt, Dialog, toast } from "../ui/parts.tsx";

type Live = "scheduled" | "pending" | "running" | "waiting";
type Over = "failed" | "cancelled";
type Bulk = { count: number; skipped: { message: string }[]; next_cursor: string | null };

/**
 * What can be done with all jobs that are selected at once.
 * @param filter - set when all that is loaded is selected and there is more: then all that it finds can be meant.
 */
export function BulkBar({
  jobs,
  filter,
  done,
}: {
  jobs: JobSummary[];
  filter: Filter | undefined;
  done: () => void;
}) {
  const everything = useSignal(false);
  const asked = useSignal(false);
  if (jobs.length === 0) return null;
  const all = filter && everything.value ? filter : undefined;
  const live = jobs.filter(({ status }) => !isTerminal(status));
  const over = jobs.filter(({ status }) => status === "failed" || status === "cancelled");
  const cancel = async () => {
    asked.value = false;
    const { status, type, tag } = all ?? {};
    const which = { ...(status ? { status: status as Live } : {}), ...named({ type, tag }) };
    await attempt(async () =>
      said(
        "cancelled",
        all
          ? await pages((cursor) => client.cancelMany({ ...which, ...cursor }))
          : await chunks(live, (ids) => client.cancelMany({ ids })),
      ),
    );
    done();
  };
  const retry = async () => {
    const { status, type, tag } = all ?? {};
    const which = { ...(status ? { status: status as Over } : {}), ...named({ type, tag }) };
    await attempt(async () =>
      said(
        "submitted again",
        all
          ? await pages((cursor) => client.retryMany({ ...which, ...cursor }))
          : await chunks(over, (ids) => client.retryMany({ ids })),
      ),
    );
    done();
  };
  const count = all ? "All matching" : String(jobs.length);
  return (
    <section class="bulk" aria-label="Selected jobs">
      <span>
        <strong>{count}</strong> selected
      </span>
      {filter && !everything.value && (
        <button type="button" class="button small quiet" onClick={() => (everything.value = true)}>
          Select all that match
        </button>
      )}
      <span class="actions">
        <button type="button" class="button small" disabled={over.length === 0} onClick={() => void retry()}>
          Retry{numbered(over.length, all)}
        </button>
        <button
          type="button"
          class="button small danger"
          disabled={live.length === 0}
          onClick={() => (asked.value = true)}
        >
          Cancel{numbered(live.length, all)}
        </button>
        <button type="button" class="button small quiet" onClick={done}>
          Clear
        </button>
      </span>
      {asked.value && (
        <Dialog
          title={all ? "Cancel all jobs that match?" : `Cancel ${live.length} jobs?`}
          onClose={() => (asked.value = false)}
        >
          <p>What is in flight is aborted. Jobs that have ended stay as they are.</p>
          <div class="actions">
            <button type="button" class="button" onClick={() => (asked.value = false)}>
              Keep them
            </button>
            <button type="button" class="button danger" onClick={() => void cancel()}>
              Cancel them
            </button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

function numbered(count: number, all: unknown): string {
  if (all) return " all";
  return count > 0 ? ` ${count}` : "";
}

function named({ type, tag }: { type?: string | undefined; tag?: string | undefined }) {
  return { ...(type ? { type } : {}), ...(tag ? { tag } : {}) };
}

function said(what: string, { count, skipped }: Omit<Bulk, "next_cursor">): void {
  const [first] = skipped;
  const but = first ? `; not ${skipped.length}: ${first.message}` : "";
  toast(`${count} ${what}${but}`, count > 0 ? "completed" : "failed");
}

async function pages(
  ask: (cursor: { cursor?: string }) => Promise<Bulk>,
): Promise<Omit<Bulk, "next_cursor">> {
  const whole = { count: 0, skipped: [] as Bulk["skipped"] };
  let cursor: string | null | undefined;
  do {
    const page = await ask(cursor ? { cursor } : {});
    whole.count += page.count;
    whole.skipped.push(...page.skipped);
    cursor = page.next_cursor;
  } while (cursor);
  return whole;
}

/** So many ids may be named in one request. */
const mostNamed = 100;

async function chunks(
  jobs: JobSummary[],
  ask: (ids: string[]) => Promise<Bulk>,
): Promise<Omit<Bulk, "next_cursor">> {
  const whole = { count: 0, skipped: [] as Bulk["skipped"] };
  for (let at = 0; at < jobs.length; at += mostNamed) {
    const { count, skipped } = await ask(jobs.slice(at, at + mostNamed).map(({ id }) => id));
    whole.count += count;
    whole.skipped.push(...skipped);
  }
  return whole;
}
