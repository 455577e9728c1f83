import { useSignal } from "@preact/signals";
import { useLocation } from "preact-iso";
import type { Schedule } from "../../client/index.ts";
import { type Resource, useResource } from "../live/resource.ts";
import { inWords } from "../schedules/in-words.ts";
import { ScheduleForm } from "../schedules/schedule-form.tsx";
import { client } from "../service.ts";
import { attempt, Dialog, Empty, Page, Problem, Skeleton, toast } from "../ui/parts.tsx";
import { Status } from "../ui/status.tsx";
import { Moment } from "../ui/time.tsx";

export function SchedulesPage() {
  const { query, route } = useLocation();
  const { edit } = query;
  const isNew = "new" in query;
  // A tenant has at most a hundred.
  const schedules = useResource((signal) => client.schedules.list({ limit: 100, signal }), [], {
    everyMs: 5_000,
  });
  const types = useResource((signal) => client.jobTypes({ signal }), []);
  const list = schedules.value.value?.schedules;
  const of = list?.find(({ id }) => id === edit);
  const problem = schedules.error.value ?? types.error.value;
  const isReady = list && types.value.value;
  const done = (saved: boolean) => {
    if (saved) schedules.reload();
    route("/schedules");
  };
  return (
    <Page
      title={isNew ? "New schedule" : of ? `Schedule ${of.name}` : "Schedules"}
      actions={
        !isNew &&
        !edit && (
          <a class="button primary" href="/schedules?new">
            New schedule
          </a>
        )
      }
    >
      {problem && <Problem of={problem} retry={schedules.reload} />}
      {!isReady && !problem && <Skeleton lines={5} />}
      {isReady &&
        (isNew || of ? (
          <ScheduleForm key={of?.id} of={of} types={types.value.value ?? []} done={done} />
        ) : list.length > 0 ? (
          <List schedules={list} reload={schedules.reload} />
        ) : (
          <Empty>
            <p>
              A schedule submits a job again and again: every morning, every hour, on the first of a month.
              <br />
              Each moment gives one job, and outages are made good once.
            </p>
            <a class="button primary" href="/schedules?new">
              New schedule
            </a>
          </Empty>
        ))}
    </Page>
  );
}

function List({ schedules, reload }: { schedules: Schedule[]; reload: Resource<unknown>["reload"] }) {
  const { route } = useLocation();
  const toDelete = useSignal<Schedule | undefined>(undefined);
  const act = async (what: () => Promise<unknown>, done: string) => {
    await attempt(what, done);
    reload();
  };
  const run = async ({ id, name }: Schedule) => {
    const began = await attempt(async () => {
      const { job_id } = await client.schedules.run(id);
      route(`/jobs/${job_id}`);
    });
    if (began) toast(`${name} has begun a job`);
  };
  const remove = async () => {
    const gone = toDelete.value;
    toDelete.value = undefined;
    if (gone) await act(() => client.schedules.delete(gone.id), `${gone.name} is deleted`);
  };
  return (
    <section class="card" aria-label="Schedules">
      <table class="table schedules">
        <thead>
          <tr>
            <th>Schedule</th>
            <th>When</th>
            <th class="moment">Next</th>
            <th class="moment">Last</th>
            <th class="overlap">Overlap</th>
            <th class="acts">
              <span class="hidden-visually">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {schedules.map((schedule) => {
            const { id, name, type, cron, timezone, paused, next_at, last_at, last_job_id } = schedule;
            return (
              <tr key={id}>
                <td>
                  <a class="job-title clip" href={`/schedules?edit=${id}`}>
                    {name}
                  </a>
                  <span class="small faint">{type}</span>
                </td>
                <td>
                  {inWords(cron)}
                  <div class="small faint">
                    <code>{cron}</code> {timezone}
                  </div>
                </td>
                <td class="moment">
                  {paused ? <Status of="waiting" paused /> : next_at ? <Moment at={next_at} /> : "Over"}
                </td>
                <td class="moment">
                  {last_job_id ? (
                    <a href={`/jobs/${last_job_id}`}>
                      <Moment at={last_at} />
                    </a>
                  ) : (
                    <Moment at={last_at} />
                  )}
                  {schedule.last_error && (
                    <div class="problem small" title={schedule.last_error.message}>
                      no job: {schedule.last_error.code}
                    </div>
                  )}
                </td>
                <td class="overlap soft">{schedule.overlap.replace("_", " ")}</td>
                <td class="acts">
                  <div class="row">
                    <button type="button" class="button small" onClick={() => void run(schedule)}>
                      Run now<span class="hidden-visually"> {name}</span>
                    </button>
                    <button
                      type="button"
                      class="button small"
                      onClick={() =>
                        void (paused
                          ? act(() => client.schedules.resume(id), `${name} goes on`)
                          : act(() => client.schedules.pause(id), `${name} is paused`))
                      }
                    >
                      {paused ? "Resume" : "Pause"}
                      <span class="hidden-visually"> {name}</span>
                    </button>
                    <button
                      type="button"
                      class="button small quiet"
                      onClick={() => (toDelete.value = schedule)}
                    >
                      Delete<span class="hidden-visually"> {name}</span>
                    </button>
                  </div>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {toDelete.value && (
        <Dialog title={`Delete ${toDelete.value.name}?`} onClose={() => (toDelete.value = undefined)}>
          <p>No job comes of it any more. Jobs that it has submitted stay.</p>
          <div class="actions">
            <button type="button" class="button" onClick={() => (toDelete.value = undefined)}>
              Keep it
            </button>
            <button type="button" class="button danger" onClick={() => void remove()}>
              Delete it
            </button>
          </div>
        </Dialog>
      )}
    </section>
  );
}
