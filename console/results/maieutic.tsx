import { useSignal } from "@preact/signals";
import type { ConvokeError } from "../../client/index.ts";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import { asProblem } from "../live/resource.ts";
import { client } from "../service.ts";
import { Card, Field, Problem } from "../ui/parts.tsx";
import { Markdown } from "../ui/text.tsx";
import { Moment } from "../ui/time.tsx";
import { type DialogueView, depthNames, dialogueView, type TurnView } from "./maieutic.ts";
import { CopyButton, Facts, Given, Marks, Points, Written } from "./parts.tsx";
import type { MaieuticInput, MaieuticResult, Suggestion } from "./shapes.ts";
import type { Shown } from "./shown.ts";

export function Dialogue({ input, result, work }: Shown) {
  const told = useSignal<ReadonlyMap<string, string>>(new Map());
  const view = dialogueView(
    input as MaieuticInput | undefined,
    result as MaieuticResult | undefined,
    work,
    work.isNow ? told.value : undefined,
  );
  const tell = (callbackId: string, said: string) => {
    told.value = new Map(told.value).set(callbackId, said);
  };
  const canAnswer = work.isNow === true;
  return (
    <div class="stack">
      <Card title="Narrative">
        <div class="stack">
          <Given text={view.narrative} />
          <Facts
            of={[
              ["Goal", `to ${view.goal}`],
              ["Questions", `${view.turns.length} of ${view.mostTurns} at most`],
              ["Kind", view.isInteractive ? "a dialogue" : "questions prepared for elsewhere"],
            ]}
          />
        </div>
      </Card>
      <Card title="Dialogue">
        <ol class="dialogue">
          {view.turns.map((turn) => (
            <TurnOf key={turn.number} of={turn} canAnswer={canAnswer} onAnswered={tell} />
          ))}
          {view.turns.length === 0 && <li class="faint">The first question is being thought of.</li>}
        </ol>
      </Card>
      {view.understanding.status !== "pending" && (
        <Card
          title="What is understood"
          actions={
            <>
              <Marks of={view.understanding} />
              {view.understanding.text && (
                <CopyButton text={view.understanding.text} what="What is understood" />
              )}
            </>
          }
        >
          <div class="room">
            <Written of={view.understanding} />
          </div>
        </Card>
      )}
      {(view.suggestion || view.offer) && <Retelling view={view} canAnswer={canAnswer} onAnswered={tell} />}
    </div>
  );
}

type Answering = { canAnswer: boolean; onAnswered: (callbackId: string, said: string) => void };

function TurnOf({ of, canAnswer, onAnswered }: Answering & { of: TurnView }) {
  const { number, depth, question, answer, insights, open } = of;
  return (
    <li class="turn">
      <p class="small faint">
        Question {number} · {depthNames[depth] ?? `depth ${depth}`} <Marks of={question} />
      </p>
      <div class="turn-question">
        <Written of={question} />
      </div>
      {answer && <blockquote class="turn-answer plain">{answer}</blockquote>}
      {open && canAnswer && <AnswerForm open={open} number={number} onAnswered={onAnswered} />}
      {open && !canAnswer && <p class="faint">Waits for an answer.</p>}
      {answer && !insights && <p class="faint">What the answer shows is being considered.</p>}
      {insights && insights.length > 0 && <Points of={insights} kind="gained" />}
    </li>
  );
}

function AnswerForm({
  open,
  number,
  onAnswered,
}: {
  open: NonNullable<TurnView["open"]>;
  number: number;
  onAnswered: Answering["onAnswered"];
}) {
  const text = useSignal("");
  const { send, problem, sending } = useAnswer(open.callbackId, onAnswered);
  const answer = (said: string) => send({ answer: said }, said);
  const isEmpty = text.value.trim() === "";
  return (
    <form
      class="stack tight"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isEmpty) void answer(text.value);
      }}
    >
      <Field label={`Your answer to question ${number}`} hint="Ctrl and Enter send it.">
        {(attributes) => (
          <textarea
            {...attributes}
            class="input"
            rows={4}
            maxLength={10_000}
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey))
                event.currentTarget.form?.requestSubmit();
            }}
          />
        )}
      </Field>
      {problem && <Problem of={problem} />}
      <div class="row">
        <button type="submit" class="button primary" disabled={sending || isEmpty}>
          Answer
        </button>
        <button type="button" class="button quiet" disabled={sending} onClick={() => void answer("done")}>
          End the dialogue here
        </button>
        {open.until !== undefined && (
          <span class="small faint">
            Without an answer it is summed up <Moment at={open.until} />.
          </span>
        )}
      </div>
    </form>
  );
}

/** Shows an answer as given once the service has it, and does not wait for a worker. */
function useAnswer(callbackId: string, onAnswered: Answering["onAnswered"]) {
  const problem = useSignal<ConvokeError | undefined>(undefined);
  const sending = useSignal(false);
  const send = async (result: Json, said: string) => {
    sending.value = true;
    problem.value = undefined;
    try {
      await client.answer(callbackId, { result });
      onAnswered(callbackId, said);
    } catch (reason) {
      problem.value = asProblem(reason);
    }
    sending.value = false;
  };
  return { send, problem: problem.value, sending: sending.value };
}

/** What was understood, told once more in another world. */
function Retelling({ view, canAnswer, onAnswered }: Answering & { view: DialogueView }) {
  const { suggestion, offer, projectionId, projection, projectionError } = view;
  return (
    <Card
      title="Retelling"
      actions={projectionId && <a href={`/jobs/${projectionId}`}>Job of the projection</a>}
    >
      <div class="stack">
        {offer && canAnswer ? (
          <Offer offer={offer} suggestion={suggestion} onAnswered={onAnswered} />
        ) : (
          <>
            {suggestion && (
              <Facts
                of={[
                  ["Persona", suggestion.persona],
                  ["Namespace", suggestion.namespace],
                  ["Style", suggestion.style],
                ]}
              />
            )}
            {offer && <p class="faint">It is offered, and waits for a yes or a no.</p>}
            {!offer && !projectionId && !projection && (
              <p class="soft">It was offered, and nobody wanted it.</p>
            )}
          </>
        )}
        {projectionId && !projection && !projectionError && <p class="soft">The projection is being made.</p>}
        {projectionError && <p class="soft">The projection could not be made: {projectionError}</p>}
        {projection && <Markdown text={projection.final_projection} />}
      </div>
    </Card>
  );
}

const parts = ["persona", "namespace", "style"] as const;

function Offer({
  offer,
  suggestion,
  onAnswered,
}: {
  offer: NonNullable<DialogueView["offer"]>;
  suggestion: Suggestion | undefined;
  onAnswered: Answering["onAnswered"];
}) {
  const wanted = useSignal<Partial<Record<(typeof parts)[number], string>>>({});
  const { send, problem, sending } = useAnswer(offer.callbackId, onAnswered);
  const choices = (name: string): string[] => {
    const properties = offer.ask.schema.properties as Record<string, JsonObject> | undefined;
    return (properties?.[name]?.enum as string[] | undefined) ?? [];
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void send({ accept: true, ...wanted.value }, "yes");
      }}
    >
      <p>Shall it be retold as an allegory?</p>
      <div class="columns narrow">
        {parts.map((name) => (
          <Field key={name} label={name.charAt(0).toUpperCase() + name.slice(1)}>
            {(attributes) => (
              <select
                {...attributes}
                class="input"
                value={wanted.value[name] ?? suggestion?.[name] ?? ""}
                onChange={(event) => {
                  wanted.value = { ...wanted.value, [name]: event.currentTarget.value };
                }}
              >
                {!suggestion && <option value="">As suggested</option>}
                {choices(name).map((choice) => (
                  <option key={choice} value={choice}>
                    {choice}
                    {choice === suggestion?.[name] ? " (suggested)" : ""}
                  </option>
                ))}
              </select>
            )}
          </Field>
        ))}
      </div>
      {problem && <Problem of={problem} />}
      <div class="row">
        <button type="submit" class="button primary" disabled={sending}>
          Retell it
        </button>
        <button
          type="button"
          class="button"
          disabled={sending}
          onClick={() => void send({ accept: false }, "no")}
        >
          No, thank you
        </button>
        {offer.until !== undefined && (
          <span class="small faint">
            Open until <Moment at={offer.until} />
          </span>
        )}
      </div>
    </form>
  );
}
