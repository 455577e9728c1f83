import type { Json } from "../../core/protocol/json.ts";
import { JsonView } from "../ui/json.tsx";
import { Card, Note } from "../ui/parts.tsx";
import { Moment } from "../ui/time.tsx";
import {
  CopyButton,
  capital,
  Facts,
  Given,
  Labelled,
  Marks,
  ModelName,
  PartState,
  Points,
  Written,
} from "./parts.tsx";
import type {
  FieldInput,
  FieldResult,
  NotificationInput,
  NotificationResult,
  RouterInput,
  SystemPromptInput,
  SystemPromptResult,
} from "./shapes.ts";
import type { Shown } from "./shown.ts";
import { whole } from "./work.ts";

/** Where a message went, and why. */
export function Router({ input, work }: Shown) {
  const { question = "" } = (input ?? {}) as Partial<RouterInput>;
  const choice = work.object<{ specialist: string; reason: string; language?: string }>("route");
  const next = work.job.continuedAs;
  const route = work.part("route");
  return (
    <Card
      title="Message"
      actions={
        next && (
          <a class="button primary small" href={`/jobs/${next}`}>
            Go to the job that has taken over
          </a>
        )
      }
    >
      <div class="stack">
        <Given text={question} />
        {choice ? (
          <p>
            Handed to <strong>{choice.specialist}</strong>
            {choice.specialist === "translation" &&
              choice.language &&
              `, through ${capital(choice.language)}`}
            . <span class="soft">{choice.reason}</span>
          </p>
        ) : (
          <p class="soft">{work.job.progress?.details ?? "Who is to work on it is being chosen."}</p>
        )}
        {route?.status === "failed" && (
          <Note status="waiting">No model could choose, so the message was placed by its words.</Note>
        )}
      </div>
    </Card>
  );
}

/** Whom a webhook told of the end of a job, and how often it was tried. */
export function Notification({ input, result, work }: Shown) {
  const { job_id: jobId = "", url = "" } = (input ?? {}) as Partial<NotificationInput>;
  const answer = (result as NotificationResult | undefined)?.status;
  const deliver = work.part("deliver");
  return (
    <Card title="Webhook" actions={deliver && <PartState of={deliver.status} />}>
      <div class="stack">
        <p>
          Tells <code class="wrap">{url}</code> of the end of <a href={`/jobs/${jobId}`}>this job</a>
          {answer === undefined ? "." : `, and was answered with ${answer}.`}
        </p>
        {deliver && (
          <ol class="rows plain-rows">
            {deliver.step.attempts.map(({ attempt, startedAt, endedAt, failure, retryAt }) => (
              <li key={attempt}>
                <span class="row-name">Delivery {attempt}</span>
                <Moment at={startedAt} />
                <span class={`status ${failure ? "failed" : endedAt ? "completed" : "running"}`}>
                  {failure ? "refused" : endedAt ? "delivered" : "on its way"}
                </span>
                {failure && <span class="small soft">{failure.message}</span>}
                {failure &&
                  retryAt !== undefined &&
                  deliver.status === "retrying" &&
                  attempt === deliver.step.attempts.length && (
                    <span class="small faint">
                      again <Moment at={retryAt} />
                    </span>
                  )}
              </li>
            ))}
          </ol>
        )}
      </div>
    </Card>
  );
}

/** The value that was written for a configured field. */
export function GeneratedField({ input, result, work }: Shown) {
  const asked = (input ?? {}) as Partial<FieldInput>;
  const made = result as FieldResult | undefined;
  const part = work.part("value");
  const value = made?.value ?? work.object<{ value: Json }>("value")?.value;
  return (
    <Card
      title={`${asked.field ?? made?.field} of ${asked.attribute ?? made?.attribute}`}
      actions={
        <>
          {part?.step.mock && <span class="tag mock">mock</span>}
          {part && part.status !== "completed" && <PartState of={part.status} />}
        </>
      }
    >
      <div class="stack">
        {asked.description && <p class="soft">{asked.description}</p>}
        {value === undefined ? <p class="faint">It is being written.</p> : <FieldValue value={value} />}
        <Facts
          of={[
            ["Kind", asked.field_type ?? "as it was, else text"],
            ["Written by", made ? <ModelName key="model" name={made.model} /> : "–"],
            ["Version of the attribute", made ? String(made.version) : "–"],
          ]}
        />
      </div>
    </Card>
  );
}

function FieldValue({ value }: { value: Json }) {
  if (typeof value === "string") return <p class="plain">{value}</p>;
  const isList = Array.isArray(value) && value.every((one) => typeof one === "string");
  return isList ? <Points of={value as string[]} /> : <JsonView value={value} />;
}

/** Parts of a system prompt, and the one that contradicts none of them. */
export function SystemPrompt({ input, result, work }: Shown) {
  const { parts = {}, context } = (input ?? {}) as Partial<SystemPromptInput>;
  const made = result as SystemPromptResult | undefined;
  const step = work.writing("merge");
  const merged = made ? { ...whole(made.system_prompt, step), model: made.model } : step;
  return (
    <div class="stack">
      <Card
        title="System prompt"
        actions={
          <>
            {merged.model && <ModelName name={merged.model} />}
            <Marks of={merged} />
            {merged.text && <CopyButton text={merged.text} what="The system prompt" />}
          </>
        }
      >
        <div class="room">
          <Written of={merged} before="The parts are about to be merged." />
        </div>
      </Card>
      <Card title="Parts">
        <div class="columns">
          {Object.entries(parts).map(([name, text]) => (
            <Labelled key={name} label={capital(name.replaceAll("_", " "))}>
              <p class="plain">{text}</p>
            </Labelled>
          ))}
          {context && (
            <Labelled label="What it is for">
              <p class="plain">{context}</p>
            </Labelled>
          )}
        </div>
      </Card>
    </div>
  );
}
