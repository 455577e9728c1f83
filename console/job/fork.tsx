import { useSignal } from "@preact/signals";
import { useLocation } from "preact-iso";
import type { JobRecord } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import { patchFrom } from "../live/change.ts";
import { useResource } from "../live/resource.ts";
import { useTask } from "../live/task.ts";
import { client } from "../service.ts";
import { Dialog, Field, Note, Skeleton } from "../ui/parts.tsx";
import { faultsIn } from "../ui/schema.ts";
import { SchemaForm } from "../ui/schema-form.tsx";

/** A new job that begins where this one was, with another input if that is wanted. It leads to both, side by side. */
export function ForkDialog({
  job,
  at,
  input,
  onClose,
}: {
  job: JobRecord;
  /** The moment that the page shows, if that is in the past. */
  at: number | undefined;
  input: Json | undefined;
  onClose: () => void;
}) {
  const { route } = useLocation();
  const types = useResource((signal) => client.jobTypes({ signal }), []);
  const keeps = useSignal<"all" | "some">(at === undefined ? "all" : "some");
  const after = useSignal(at ?? job.seq);
  const changed = useSignal<Json | undefined>(input);
  const written = useSignal<string | undefined>(undefined);
  const { busy, problem, run } = useTask();
  const type = types.value.value?.find(({ type }) => type === job.type);

  const fork = () =>
    run(async () => {
      const next = written.value === undefined ? changed.value : (JSON.parse(written.value) as Json);
      const patch = input === undefined || next === undefined ? undefined : patchFrom(input, next);
      const { job_id } = await client.fork(job.jobId, {
        ...(keeps.value === "some" ? { after_seq: after.value } : {}),
        ...(patch === undefined ? {} : { input: patch }),
      });
      onClose();
      route(`/compare/${job.jobId}/${job_id}`);
    });
  const errors = faultsIn(problem.value?.details, "input");

  return (
    <Dialog title={`Fork “${job.title}”`} onClose={onClose}>
      <form
        class="bare"
        onSubmit={(event) => {
          event.preventDefault();
          void fork();
        }}
      >
        <fieldset>
          <legend>Take over</legend>
          <div class="stack tight">
            <label class="row">
              <input
                type="radio"
                name="keeps"
                checked={keeps.value === "all"}
                onChange={() => (keeps.value = "all")}
              />
              every outcome
            </label>
            <label class="row">
              <input
                type="radio"
                name="keeps"
                checked={keeps.value === "some"}
                onChange={() => (keeps.value = "some")}
              />
              outcomes up to event
              <input
                class="input inline"
                type="number"
                aria-label="Last event that is taken over"
                min={1}
                max={job.seq}
                value={after.value}
                onInput={({ currentTarget }) => {
                  keeps.value = "some";
                  after.value = Number(currentTarget.value);
                }}
              />
              <span class="faint small">1 takes nothing over</span>
            </label>
            <p class="small faint">
              What is taken over is not done or paid for again. With another input, take over only what that
              leaves valid.
            </p>
          </div>
        </fieldset>
        <fieldset>
          <legend>Input</legend>
          <div class="stack">
            <div class="row">
              <button
                type="button"
                class="button small"
                aria-pressed={written.value !== undefined}
                disabled={input === undefined}
                onClick={() => {
                  written.value =
                    written.value === undefined ? JSON.stringify(changed.value, null, 2) : undefined;
                }}
              >
                {written.value === undefined ? "Edit as JSON" : "Back to the form"}
              </button>
            </div>
            {written.value !== undefined ? (
              <Field label="Input as JSON" problem={problemsOf(errors)}>
                {(attributes) => (
                  <textarea
                    {...attributes}
                    class="input mono"
                    rows={12}
                    spellcheck={false}
                    value={written.value ?? ""}
                    onInput={({ currentTarget }) => (written.value = currentTarget.value)}
                  />
                )}
              </Field>
            ) : type && input !== undefined ? (
              <SchemaForm
                schema={type.input_schema}
                value={changed.value}
                onChange={(next) => (changed.value = next)}
                errors={errors}
                example={type.example}
              />
            ) : (
              <Skeleton />
            )}
          </div>
        </fieldset>
        {problem.value && Object.keys(errors).length === 0 && (
          <Note status="failed">{problem.value.message}</Note>
        )}
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="button primary" disabled={busy.value}>
            Fork and compare
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function problemsOf(errors: Record<string, string>): string | undefined {
  const lines = Object.entries(errors).map(([path, message]) => (path ? `${path}: ${message}` : message));
  return lines.length > 0 ? lines.join("; ") : undefined;
}
