import { useSignal } from "@preact/signals";
import { useLocation } from "preact-iso";
import { isTerminal, type JobRecord } from "../../core/protocol/job.ts";
import { useTask } from "../live/task.ts";
import { client } from "../service.ts";
import { attempt, Dialog, Field } from "../ui/parts.tsx";

/** What can be done about a job at this moment. */
export function Actions({ job, onFork }: { job: JobRecord; onFork: () => void }) {
  const { route } = useLocation();
  const cancelling = useSignal(false);
  const { busy, run } = useTask();
  const { jobId } = job;
  const act = (what: () => Promise<unknown>, done?: string) => run(() => attempt(what, done));
  const retry = () =>
    act(async () => {
      const { job_id } = await client.retry(jobId);
      route(`/jobs/${job_id}`);
    }, "A new job goes on where this one failed");
  const ended = isTerminal(job.status);
  return (
    <>
      {!ended && (
        <button
          type="button"
          class="button"
          disabled={busy.value}
          onClick={() => void act(() => (job.paused ? client.resume(jobId) : client.pause(jobId)))}
        >
          {job.paused ? "Resume" : "Pause"}
        </button>
      )}
      {(job.status === "failed" || job.status === "cancelled") && (
        <button type="button" class="button primary" disabled={busy.value} onClick={() => void retry()}>
          Retry
        </button>
      )}
      <button type="button" class="button" onClick={onFork}>
        Fork
      </button>
      {!ended && (
        <button
          type="button"
          class="button danger"
          disabled={busy.value || job.cancelRequested !== undefined}
          onClick={() => (cancelling.value = true)}
        >
          Cancel
        </button>
      )}
      {cancelling.value && <CancelDialog jobId={jobId} onClose={() => (cancelling.value = false)} />}
    </>
  );
}

function CancelDialog({ jobId, onClose }: { jobId: string; onClose: () => void }) {
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget as HTMLFormElement).get("reason")).trim();
    await attempt(() => client.cancel(jobId, reason ? { reason } : {}));
    onClose();
  };
  return (
    <Dialog title="Cancel this job?" onClose={onClose}>
      <p class="soft">
        What is in flight is stopped. What it has done so far stays, and a retry goes on from there.
      </p>
      <form class="bare" onSubmit={submit}>
        <Field label="Reason" hint="Kept in the journal">
          {(attributes) => <input {...attributes} class="input" name="reason" maxLength={500} />}
        </Field>
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>
            Let it go on
          </button>
          <button type="submit" class="button danger">
            Cancel the job
          </button>
        </div>
      </form>
    </Dialog>
  );
}
