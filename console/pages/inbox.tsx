import { useSignal } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { Question } from "../../client/index.ts";
import { QuestionForm } from "../job/question.tsx";
import { ResultOfJob } from "../job/result.tsx";
import { useResource } from "../live/resource.ts";
import { answeredInPlace } from "../results/in-place.ts";
import { client } from "../service.ts";
import { useShortcuts } from "../ui/keys.ts";
import { Card, Empty, Note, Page, Problem, Skeleton } from "../ui/parts.tsx";
import { Moment, now } from "../ui/time.tsx";

/** Everything that waits for a person: one question is open, with what its job has done before it. */
export function InboxPage() {
  const { query, route } = useLocation();
  const { value, error, reload } = useResource((signal) => everyQuestion(signal), [], { everyMs: 3_000 });
  /** Answered here, while the list still has it. */
  const answered = useSignal<ReadonlySet<string>>(new Set());
  const questions = value.value?.filter(({ callback_id }) => !answered.value.has(callback_id));
  // It stays open when somebody else decides: what one is reading or writing must not turn into something else.
  const held = useRef<Question | undefined>(undefined);
  const asked = query.question ?? held.current?.callback_id;
  const chosen = questions?.find(({ callback_id }) => callback_id === asked);
  const isKept = held.current?.callback_id === asked && !answered.value.has(asked ?? "");
  const open = chosen ?? (isKept ? held.current : undefined) ?? questions?.[0];
  held.current = open;

  const at = open ? (questions?.indexOf(open) ?? -1) : -1;
  const select = (one: Question | undefined) => {
    if (one) route(addressOf(one), true);
  };
  const detail = useRef<HTMLDivElement>(null);
  const keys = useMemo(
    () => [
      { keys: "j", does: "Next question", run: () => select(questions?.[at + 1]) },
      { keys: "k", does: "Previous question", run: () => select(questions?.[at - 1]) },
      {
        keys: "Enter",
        does: "Answer the question",
        run: () =>
          detail.current?.querySelector<HTMLElement>("input, textarea, select, form button")?.focus(),
      },
      { keys: "o", does: "Open the question's job", run: () => open && route(`/jobs/${open.job_id}`) },
    ],
    [questions?.map(({ callback_id }) => callback_id).join(), at, open?.job_id],
  );
  useShortcuts(keys);
  return (
    <Page
      title={questions?.length ? `Inbox (${questions.length})` : "Inbox"}
      heading="Inbox"
      lead="What jobs wait for from a person. They cost nothing meanwhile."
    >
      {error.value && <Problem of={error.value} retry={reload} />}
      {!questions ? (
        !error.value && <Skeleton />
      ) : !open ? (
        <Empty>
          <p>Nobody waits for you.</p>
          <p class="small">
            Approvals, questions of dialogues and whatever else a job asks of a person appear here by
            themselves.
          </p>
        </Empty>
      ) : (
        <div class="inbox">
          <ul class="talks" aria-label="Questions">
            {questions.map((question) => (
              <li key={question.callback_id}>
                <a href={addressOf(question)} aria-current={question === open ? "true" : undefined}>
                  <span class="clip">{question.question}</span>
                  <span class="row small faint">
                    <span>{question.job_type}</span>
                    <Moment at={question.asked_at} />
                    {question.deadline && <Deadline at={question.deadline} />}
                  </span>
                </a>
              </li>
            ))}
            {questions.length === 0 && <li class="small faint">Nothing else waits.</li>}
          </ul>
          <div class="stack" ref={detail} key={open.callback_id}>
            <Card
              title={
                <>
                  {open.job_title} <span class="faint small">{open.step}</span>
                </>
              }
              actions={
                <a class="button small" href={`/jobs/${open.job_id}`}>
                  Job
                </a>
              }
            >
              {at >= 0 ? (
                <OpenQuestion
                  question={open}
                  onAnswered={() => {
                    answered.value = new Set([...answered.value, open.callback_id]);
                    select(questions[at + 1] ?? questions[at - 1]);
                    reload();
                  }}
                />
              ) : (
                <div class="stack">
                  <p class="plain question">{open.question}</p>
                  <Note status="completed">
                    <span>This is decided. The first decision stands, and the job has gone on.</span>
                    {questions[0] && <a href={addressOf(questions[0])}>Next question</a>}
                  </Note>
                </div>
              )}
            </Card>
            {/* What a decision goes by: the plan, the dialogue, or whatever else the job has made so far. */}
            <ResultOfJob jobId={open.job_id} lines={6} />
          </div>
        </div>
      )}
    </Page>
  );
}

function addressOf({ callback_id }: Question): string {
  return `/inbox?question=${encodeURIComponent(callback_id)}`;
}

function OpenQuestion({ question, onAnswered }: { question: Question; onAnswered: () => void }) {
  if (!answeredInPlace.has(question.job_type))
    return <QuestionForm question={question} onAnswered={onAnswered} />;
  return (
    <div class="stack tight">
      <p class="plain question">{question.question}</p>
      <p class="small soft">
        Answer below, beside what it is about.
        {question.deadline && (
          <>
            {" "}
            The time is up <Moment at={question.deadline} />.
          </>
        )}
      </p>
    </div>
  );
}

/** Newest jobs first. A page may be empty and still not be the last one. */
async function everyQuestion(signal: AbortSignal): Promise<Question[]> {
  const all: Question[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await client.inbox({ limit: 100, ...(cursor ? { cursor } : {}), signal });
    all.push(...page.questions);
    cursor = page.next_cursor;
  } while (cursor && all.length < 300);
  return all;
}

const soonMs = 3_600_000;

function Deadline({ at }: { at: string }) {
  const isSoon = Date.parse(at) - now.value < soonMs;
  return (
    <span class={isSoon ? "status waiting" : ""}>
      due <Moment at={at} />
    </span>
  );
}
