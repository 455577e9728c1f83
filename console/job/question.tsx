import { useSignal } from "@preact/signals";
import type { ConvokeError, Question } from "../../client/index.ts";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import { useTask } from "../live/task.ts";
import { client } from "../service.ts";
import { JsonView } from "../ui/json.tsx";
import { Field, Note, toast } from "../ui/parts.tsx";
import { blank, faultsIn, isObject } from "../ui/schema.ts";
import { SchemaForm } from "../ui/schema-form.tsx";
import { Moment } from "../ui/time.tsx";

/** A question, and the form for its answer. A yes or no with a word about it is two buttons. */
export function QuestionForm({ question, onAnswered }: { question: Question; onAnswered?: () => void }) {
  const { busy, problem, run } = useTask();
  const onAnswer = (result: Json) =>
    run(async () => {
      await client.answer(question.callback_id, { result });
      toast("Your answer is on record", "completed");
      onAnswered?.();
    });
  const decided = problem.value?.code === "conflict" ? problem.value : undefined;
  const shown = { question, busy: busy.value, problem: decided ? undefined : problem.value, onAnswer };
  return (
    <div class="stack">
      <p class="plain question">{question.question}</p>
      <Deadline of={question} />
      {decided && <Stands problem={decided} onSeen={onAnswered} />}
      {isApproval(question.schema) ? <ApprovalForm {...shown} /> : <AnswerForm {...shown} />}
    </div>
  );
}

/** When the time is up, and what happens then. */
function Deadline({ of: { deadline, default: usual } }: { of: Question }) {
  if (!deadline) return null;
  const isEmpty = isObject(usual) && Object.keys(usual).length === 0;
  return (
    <div class="small soft stack tight">
      <p>
        The time is up <Moment at={deadline} />.{" "}
        {usual === undefined
          ? "After that nobody can answer any more."
          : isEmpty
            ? "It then goes on without an answer."
            : "It then goes on with this answer:"}
      </p>
      {usual !== undefined && !isEmpty && <JsonView value={usual} />}
    </div>
  );
}

type FormProps = {
  question: Question;
  busy: boolean;
  problem: ConvokeError | undefined;
  onAnswer: (result: Json) => void;
};

function AnswerForm({ question, busy, problem, onAnswer }: FormProps) {
  const { schema } = question;
  const value = useSignal<Json | undefined>(question.default ?? blank(schema, schema));
  const errors = faultsIn(problem?.details, "result");
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        onAnswer(value.value ?? null);
      }}
    >
      <SchemaForm
        schema={schema}
        value={value.value}
        onChange={(next) => (value.value = next)}
        errors={errors}
        example={question.default}
      />
      {problem && Object.keys(errors).length === 0 && <Note status="failed">{problem.message}</Note>}
      <div class="row">
        <button type="submit" class="button primary" disabled={busy}>
          Answer
        </button>
      </div>
    </form>
  );
}

/** Whether the answer is an approval: `approved`, and perhaps a `feedback`. */
function isApproval({ properties }: JsonObject): boolean {
  return (
    isObject(properties) &&
    isObject(properties.approved) &&
    properties.approved.type === "boolean" &&
    Object.keys(properties).every((name) => name === "approved" || name === "feedback")
  );
}

function ApprovalForm({ question, busy, problem, onAnswer }: FormProps) {
  const feedback = useSignal("");
  const takesFeedback = isObject(question.schema.properties) && "feedback" in question.schema.properties;
  const decide = (approved: boolean) => {
    const text = feedback.value.trim();
    onAnswer({ approved, ...(text ? { feedback: text } : {}) });
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        decide((event.submitter as HTMLButtonElement | null)?.value !== "reject");
      }}
    >
      {takesFeedback && (
        <Field
          label="Feedback"
          hint="Goes with either decision; a rejected plan is made again with it in mind"
        >
          {(attributes) => (
            <textarea
              {...attributes}
              class="input"
              rows={3}
              maxLength={4_000}
              value={feedback.value}
              onInput={({ currentTarget }) => (feedback.value = currentTarget.value)}
            />
          )}
        </Field>
      )}
      {problem && <Note status="failed">{problem.message}</Note>}
      <div class="row">
        <button type="submit" value="approve" class="button primary" disabled={busy}>
          Approve
        </button>
        <button type="submit" value="reject" class="button danger" disabled={busy}>
          Reject
        </button>
      </div>
    </form>
  );
}

/** Somebody was faster, or the time was up: what was decided, and that nothing else can be. */
function Stands({ problem, onSeen }: { problem: ConvokeError; onSeen?: (() => void) | undefined }) {
  const details = isObject(problem.details) ? problem.details : {};
  return (
    <Note status="waiting">
      <span>
        <strong>This has been decided already, and the first decision stands.</strong> {problem.message}
        {typeof details.decided_at === "string" && (
          <>
            {" "}
            (<Moment at={details.decided_at} />)
          </>
        )}
      </span>
      {onSeen && (
        <button type="button" class="button small" onClick={onSeen}>
          Close the question
        </button>
      )}
    </Note>
  );
}
