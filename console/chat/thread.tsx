import { useSignal } from "@preact/signals";
import { useLocation } from "preact-iso";
import type { Conversation, ConversationMessage } from "../../client/index.ts";
import { useResource } from "../live/resource.ts";
import { useTask } from "../live/task.ts";
import { type Turn, turnsOf } from "../live/turns.ts";
import { client } from "../service.ts";
import { attempt, Empty, Note, Problem, Skeleton } from "../ui/parts.tsx";
import { Markdown } from "../ui/text.tsx";
import { Moment } from "../ui/time.tsx";
import { Composer, type SendWith } from "./composer.tsx";
import { useEndInView } from "./end-in-view.ts";
import { AllWork, BackgroundWork, WorkAtHand } from "./work.tsx";

/** One conversation, or the beginning of one. */
export function Thread({ id, onChange }: { id: string | undefined; onChange: () => void }) {
  const { route } = useLocation();
  const end = useEndInView();
  const { value, error, reload } = useResource(
    async (signal) => (id === undefined ? undefined : client.conversations.get(id, { signal })),
    [id],
    { everyMs: 5_000 },
  );
  const earlier = useSignal<ConversationMessage[]>([]);
  /** What has been sent and is not in the conversation that is shown yet. */
  const sent = useSignal<{ content: string; number?: number | undefined } | undefined>(undefined);
  const conversation = value.value;

  const look = () => {
    reload();
    onChange();
  };
  const send = async (content: string, options: SendWith) => {
    sent.value = { content };
    const done = await attempt(async () => {
      const into = id ?? (await client.conversations.create()).id;
      const { message_number } = await client.conversations.send(into, content, options);
      sent.value = { content, number: message_number };
      look();
      if (id === undefined) route(`/conversations/${into}`);
    });
    if (!done) sent.value = undefined;
    return done;
  };

  const newest = conversation?.messages ?? [];
  const messages = [
    ...earlier.value.filter(({ number }) => number < (newest[0]?.number ?? Number.POSITIVE_INFINITY)),
    ...newest,
  ];
  const first = messages[0]?.number ?? 1;
  const loadEarlier = () =>
    attempt(async () => {
      const after = Math.max(0, first - 51);
      const page = await client.conversations.get(id!, { after, limit: first - 1 - after });
      earlier.value = [...page.messages, ...earlier.value];
    });
  const underWay = sent.value && !newest.some(({ number }) => number === sent.value?.number);

  return (
    <section class="thread" aria-label={conversation?.title || "New conversation"}>
      <div class="messages" ref={end} role="log" aria-label="Messages">
        <div class="stack">
          {error.value && <Problem of={error.value} retry={reload} />}
          {id !== undefined && !conversation && !error.value && <Skeleton lines={5} />}
          {first > 1 && (
            <button type="button" class="button small" onClick={() => void loadEarlier()}>
              Show earlier messages
            </button>
          )}
          {conversation &&
            turnsOf(messages).map((turn) => (
              <TurnView key={turn.number} turn={turn} conversation={conversation} onChange={look} />
            ))}
          {underWay && <Said content={sent.value!.content} note="on its way" />}
          {conversation?.background_job_ids.map((jobId) => (
            <BackgroundWork key={jobId} jobId={jobId} onEnd={look} />
          ))}
          {(id === undefined || conversation?.message_count === 0) && !underWay && (
            <Empty>
              <p>Ask something. A council of models answers, and all that it does can be looked at.</p>
            </Empty>
          )}
        </div>
      </div>
      <Composer
        draftKey={`draft ${id ?? "new"}`}
        isBusy={conversation?.processing_state === "active"}
        onSend={send}
      />
    </section>
  );
}

function TurnView({
  turn: { question, answer },
  conversation,
  onChange,
}: {
  turn: Turn;
  conversation: Conversation;
  onChange: () => void;
}) {
  const { active_job_id, waiting_job_ids, failed_job_id, error } = conversation;
  const place = question && !answer ? waiting_job_ids.indexOf(question.job_id) : -1;
  const isActive = question !== undefined && !answer && isAnsweredBy(active_job_id, question, conversation);
  const hasFailed = question !== undefined && !answer && isAnsweredBy(failed_job_id, question, conversation);
  return (
    <>
      {question && (
        <Said
          content={question.content}
          at={question.created_at}
          note={place < 0 ? undefined : place === 0 ? "next in line" : `${place + 1}. in line`}
        />
      )}
      {answer && <Answer message={answer} isLate={!question} />}
      {isActive && <WorkAtHand key={active_job_id} jobId={active_job_id!} onEnd={onChange} />}
      {hasFailed && <Failed jobId={failed_job_id!} error={error} onRetry={onChange} />}
    </>
  );
}

/** A router's job hands its message over, so the job at work may not be the one that was asked: the message is next. */
function isAnsweredBy(
  jobId: string | null,
  question: ConversationMessage,
  { messages, waiting_job_ids }: Conversation,
): boolean {
  if (jobId === null) return false;
  if (messages.some((one) => one.role === "user" && one.job_id === jobId)) return question.job_id === jobId;
  const answered = new Set(messages.map(({ answers }) => answers));
  const open = messages.filter(
    ({ role, number, job_id }) =>
      role === "user" && !answered.has(number) && !waiting_job_ids.includes(job_id),
  );
  return open.at(-1)?.number === question.number;
}

function Said({ content, at, note }: { content: string; at?: string; note?: string | undefined }) {
  return (
    <article class="message user" aria-label="Your message">
      <p class="plain">{content}</p>
      <p class="row small faint">
        {note && <span class="status pending">{note}</span>}
        {at && <Moment at={at} />}
      </p>
    </article>
  );
}

function Answer({ message, isLate }: { message: ConversationMessage; isLate: boolean }) {
  const status = typeof message.job_status === "string" ? message.job_status : "completed";
  return (
    <article class="message assistant" aria-label="Answer">
      {isLate && message.answers !== null && <p class="small faint">About message {message.answers}</p>}
      <Markdown text={message.content} />
      <div class="row small faint">
        {status !== "completed" && (
          <span class={`status ${status === "started" ? "running" : status}`}>{status}</span>
        )}
        {message.mock === true && <span class="tag mock">mock</span>}
        <Moment at={message.created_at} />
        <a href={`/jobs/${message.job_id}`}>job</a>
      </div>
      {status !== "started" && (
        // What has been made in the background is not in the words that announce it.
        <AllWork jobId={message.job_id} title="How it came about" isOpen={isLate && status === "completed"} />
      )}
    </article>
  );
}

function Failed({
  jobId,
  error,
  onRetry,
}: {
  jobId: string;
  error: Conversation["error"];
  onRetry: () => void;
}) {
  const { busy, run } = useTask();
  const retry = async () => {
    if (await attempt(() => client.retry(jobId))) onRetry();
  };
  return (
    <Note status="failed">
      <span>{error?.for_user ?? "This could not be answered."}</span>
      <button type="button" class="button small" disabled={busy.value} onClick={() => void run(retry)}>
        Try again
      </button>
      <a class="small" href={`/jobs/${jobId}`}>
        job
      </a>
      {error && (
        <details class="whole small">
          <summary>{error.code}</summary>
          {error.message}
        </details>
      )}
    </Note>
  );
}
