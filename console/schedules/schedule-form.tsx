import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { ConvokeError, JobType, Schedule, ScheduleOptions } from "../../client/index.ts";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import { usualManner } from "../jobs/manner.ts";
import { asProblem, useResource } from "../live/resource.ts";
import { client, offline } from "../service.ts";
import { Card, Field, Problem, toast } from "../ui/parts.tsx";
import { blank, faultsIn, type Schema } from "../ui/schema.ts";
import { SchemaForm } from "../ui/schema-form.tsx";
import { now } from "../ui/time.tsx";
import { inWords } from "./in-words.ts";

const presets = [
  { title: "Every hour", cron: "0 * * * *" },
  { title: "Every day", cron: "0 7 * * *" },
  { title: "Weekdays", cron: "0 7 * * MON-FRI" },
  { title: "Mondays", cron: "0 7 * * MON" },
  { title: "First of the month", cron: "0 7 1 * *" },
];

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

const rest: Schema = {
  type: "object",
  properties: {
    overlap: {
      enum: ["skip", "queue", "cancel_previous", "parallel"],
      default: "skip",
      title: "While the job before has not ended",
      description:
        "skip: No job. queue: A job that begins after it. cancel_previous: A job in place of it. parallel: A job beside it",
    },
    end_at: {
      type: "string",
      format: "date-time",
      title: "Ends",
      description: "No moment comes after this one",
    },
    ...usualManner,
  },
  additionalProperties: false,
};

/** Makes a schedule, or changes one. */
export function ScheduleForm({
  of,
  types,
  done,
}: {
  of: Schedule | undefined;
  types: JobType[];
  done: (saved: boolean) => void;
}) {
  const name = useSignal(of?.name ?? "");
  const cron = useSignal(of?.cron ?? "0 7 * * MON-FRI");
  const timezone = useSignal(of?.timezone ?? here);
  const type = useSignal(of?.type ?? types[0]?.type ?? "");
  const jobType = useComputed(() => types.find((known) => known.type === type.value));
  const schema = (jobType.value?.input_schema ?? {}) as Schema;
  const input = useSignal<Json | undefined>(of ? of.input : blank(schema, schema));
  const manner = useSignal<Json | undefined>(of ? mannerOf(of) : {});
  const problem = useSignal<ConvokeError | undefined>(undefined);
  const busy = useSignal(false);
  const form = useRef<HTMLFormElement>(null);
  const idempotencyKey = useMemo(() => crypto.getRandomValues(new Uint32Array(4)).join("-"), []);

  useEffect(() => {
    if (problem.value) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [problem.value]);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    busy.value = true;
    const definition = {
      name: name.value.trim(),
      type: type.value,
      input: input.value ?? {},
      cron: cron.value.trim(),
      timezone: timezone.value.trim(),
    };
    const more = manner.value as Partial<ScheduleOptions>;
    try {
      if (of) {
        const { overlap = "skip", priority = "normal", tags = [], budget = null, end_at = null } = more;
        await client.schedules.change(of.id, { ...definition, overlap, priority, tags, budget, end_at });
      } else await client.schedules.create({ ...definition, ...more }, { idempotencyKey });
      toast(of ? `${definition.name} is changed` : `${definition.name} is scheduled`, "completed");
      done(true);
    } catch (reason) {
      problem.value = asProblem(reason);
    }
    busy.value = false;
  };

  const faults = faultsIn(problem.value?.details, "");
  return (
    <form ref={form} class="stack form" onSubmit={submit}>
      {problem.value && <Problem of={problem.value} />}
      <Card title="When">
        <div class="stack">
          <Field label="Name" problem={faults.name}>
            {(attributes) => (
              <input
                {...attributes}
                class="input short"
                required
                maxLength={200}
                placeholder="Morning round"
                value={name.value}
                onInput={({ currentTarget }) => (name.value = currentTarget.value)}
              />
            )}
          </Field>
          <Field label="Cron expression" hint="Minute, hour, day, month, weekday" problem={faults.cron}>
            {(attributes) => (
              <input
                {...attributes}
                class="input short mono"
                required
                spellcheck={false}
                value={cron.value}
                onInput={({ currentTarget }) => (cron.value = currentTarget.value)}
              />
            )}
          </Field>
          <div class="row">
            {presets.map((preset) => (
              <button
                key={preset.cron}
                type="button"
                class="button small"
                aria-pressed={preset.cron === cron.value}
                onClick={() => (cron.value = preset.cron)}
              >
                {preset.title}
              </button>
            ))}
          </div>
          <Field label="Time zone" problem={faults.timezone}>
            {(attributes) => (
              <>
                <input
                  {...attributes}
                  class="input short"
                  required
                  list="timezones"
                  value={timezone.value}
                  onInput={({ currentTarget }) => (timezone.value = currentTarget.value)}
                />
                <datalist id="timezones">
                  {["UTC", ...Intl.supportedValuesOf("timeZone")].map((zone) => (
                    <option key={zone} value={zone} />
                  ))}
                </datalist>
              </>
            )}
          </Field>
          <Preview cron={cron.value} timezone={timezone.value} />
          <SchemaForm
            schema={rest}
            value={manner.value}
            onChange={(value) => (manner.value = value ?? {})}
            errors={faults}
            example={{ overlap: "" }}
          />
        </div>
      </Card>
      <Card
        title="What"
        actions={
          jobType.value && (
            <button type="button" class="button small" onClick={() => (input.value = jobType.value?.example)}>
              Fill with example
            </button>
          )
        }
      >
        <div class="stack">
          <Field label="Job type" hint={jobType.value?.summary} problem={faults.type}>
            {(attributes) => (
              <select
                {...attributes}
                class="input short"
                value={type.value}
                onChange={({ currentTarget }) => {
                  type.value = currentTarget.value;
                  const other = (jobType.value?.input_schema ?? {}) as Schema;
                  input.value = blank(other, other);
                }}
              >
                {types.map((known) => (
                  <option key={known.type} value={known.type}>
                    {known.type}
                  </option>
                ))}
              </select>
            )}
          </Field>
          {jobType.value && (
            <SchemaForm
              key={type.value}
              schema={schema}
              value={input.value}
              onChange={(value) => (input.value = value)}
              errors={faultsIn(problem.value?.details, "input")}
              example={jobType.value.example}
            />
          )}
        </div>
      </Card>
      <div class="row">
        <button type="submit" class="button primary" disabled={busy.value}>
          {of ? "Save" : "Create schedule"}
        </button>
        <button type="button" class="button" onClick={() => done(false)}>
          Back
        </button>
      </div>
    </form>
  );
}

function mannerOf({ overlap, end_at, priority, tags, budget }: Schedule): JsonObject {
  return {
    overlap,
    ...(end_at ? { end_at } : {}),
    ...(priority === "normal" ? {} : { priority }),
    ...(tags.length > 0 ? { tags } : {}),
    ...(budget ? { budget: budget as JsonObject } : {}),
  };
}

const typingMs = 200;

/** What the expression means, and when it comes next: what the service has said last, until it says more. */
function Preview({ cron, timezone }: { cron: string; timezone: string }) {
  const minute = useComputed(() => Math.floor(now.value / 60_000)).value;
  const { value, error } = useResource(
    async (signal) => {
      await new Promise((resolve) => setTimeout(resolve, typingMs));
      const moments = await client.schedules.next(cron.trim(), { timezone: timezone.trim(), signal });
      return { cron, timezone: timezone.trim(), moments };
    },
    [cron, timezone, minute, offline.value],
  );
  const faults = faultsIn(error.value?.details, "");
  // What was true a while ago, or of another expression, is not shown where nobody can say whether it still is.
  const said = offline.value ? undefined : value.value;
  return (
    <div class="preview" aria-live="polite">
      {error.value && !offline.value ? (
        <p class="problem small">{faults.cron ?? faults.timezone ?? error.value.message}</p>
      ) : (
        said && (
          <>
            <p>{inWords(said.cron)}</p>
            <ol class="small soft number" aria-label="The next moments">
              {said.moments.map((at) => (
                <li key={at}>{formatted(at, said.timezone)}</li>
              ))}
            </ol>
          </>
        )
      )}
    </div>
  );
}

function formatted(at: string, timeZone: string): string {
  const form = { weekday: "short", day: "numeric", month: "short", year: "numeric" } as const;
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" } as const;
  return new Intl.DateTimeFormat("en-GB", { ...form, ...time, timeZone }).format(new Date(at));
}
