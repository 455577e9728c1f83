import { useSignal } from "@preact/signals";
import type { Convoke, JobStatus, JobSummary } from "../../client/index.ts";
import { isTerminal } from "../../core/protocol/job.ts";
import type { Filter } from "../live/job-rows.ts";
import { client } from "../service.ts";
import { attempt, Dialog, toast } from "../ui/parts.tsx";

/** As the service takes it, which knows what can be cancelled or tried again: the filter may ask for anything. */
type Selected<Name extends "cancelMany" | "retryMany"> = Parameters<Convoke[Name]>[0];
type Which = { ids: string[] } | { status?: JobStatus; type?: string; tag?: string; cursor?: string };
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
  const act = async (what: string, those: JobSummary[], ask: (which: Which) => Promise<Bulk>) => {
    await attempt(async () => said(what, await inParts(all ?? those, ask)));
    done();
  };
  const cancel = () => {
    asked.value = false;
    return act("cancelled", live, (which) => client.cancelMany(which as Selected<"cancelMany">));
  };
  const retry = () =>
    act("submitted again", over, (which) => client.retryMany(which as Selected<"retryMany">));
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

function said(what: string, { count, skipped }: Omit<Bulk, "next_cursor">): void {
  const [first] = skipped;
  const but = first ? `; not ${skipped.length}: ${first.message}` : "";
  toast(`${count} ${what}${but}`, count > 0 ? "completed" : "failed");
}

/** So many ids may be named in one request. */
const mostNamed = 100;

/** All that a filter finds, page after page, or those that are named. */
async function inParts(
  those: Filter | JobSummary[],
  ask: (which: Which) => Promise<Bulk>,
): Promise<Omit<Bulk, "next_cursor">> {
  const whole = { count: 0, skipped: [] as Bulk["skipped"] };
  const add = async (which: Which) => {
    const { count, skipped, next_cursor } = await ask(which);
    whole.count += count;
    whole.skipped.push(...skipped);
    return next_cursor ?? undefined;
  };
  if (Array.isArray(those)) {
    for (let at = 0; at < those.length; at += mostNamed)
      await add({ ids: those.slice(at, at + mostNamed).map(({ id }) => id) });
  } else {
    const { status, type, tag } = those;
    let cursor: string | undefined;
    do cursor = await add({ status, type, tag, cursor });
    while (cursor);
  }
  return whole;
}
