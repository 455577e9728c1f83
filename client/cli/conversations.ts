import type { Conversation, OnBusy } from "../views.ts";
import { type Family, given, oneOf, type Session, whole } from "./command.ts";
import { begin, type Making } from "./follow.ts";
import { changesOf, detachable } from "./jobs.ts";

type Sending = Making & { type?: string; onBusy?: OnBusy };

/** Talks that go on from message to message. */
export function conversationCommands({ command, group, act }: Family): void {
  const conversations = group("conversations", "talks that go on from message to message");

  conversations("list", "list conversations, the newest first", "convoke conversations list --limit 5")
    .option("--limit <count>", "how many, 100 at most", whole, 20)
    .action(
      act(async ({ client, signal, table }: Session, { limit }: { limit: number }) => {
        const { conversations: page } = await client.conversations.list({ limit, signal });
        table(page, ["CONVERSATION", "MESSAGES", "STATE", "UPDATED", "TITLE"], (one) => [
          one.id,
          String(one.message_count),
          one.processing_state,
          one.updated_at,
          one.title,
        ]);
        return undefined;
      }),
    );

  conversations("create", "begin a conversation", "convoke conversations create --title Sky")
    .option("--title <text>", "how it is called")
    .action(
      act(async ({ client, signal, answer }: Session, { title }: { title?: string }) => {
        const made = await client.conversations.create({ ...given({ title }), signal });
        answer(made, made.id);
        return undefined;
      }),
    );

  conversations("show <conversation>", "print a conversation", "convoke conversations show 019abc").action(
    act(async ({ client, signal, answer }: Session, id: string) => {
      const conversation = await client.conversations.get(id, { signal });
      answer(conversation, conversationLines(conversation).join("\n"));
      return undefined;
    }),
  );

  detachable(
    command(
      "send <conversation> <message> [input...]",
      "send a message to a conversation, and show how it is answered; flags say what else its job is given",
      "convoke send 019abc 'Why is the sky blue?'",
      "convoke send 019abc 'Make a film of it' --type video --on-busy interrupt --detach",
    ),
  )
    .usage("<conversation> <message> [options] [--<field> <value>...]")
    .option("--type <type>", "who is to answer, instead of the deployment's usual one")
    .option(
      "--on-busy <policy>",
      "while another answer is being written: enqueue, reject or interrupt",
      oneOf("enqueue", "reject", "interrupt"),
    )
    .allowUnknownOption()
    .action(
      act((session: Session, id: string, message: string, words: string[], options: Sending) =>
        begin(session, options, async ({ signal }) => {
          const { type, onBusy: on_busy } = options;
          const input = words.length > 0 ? await changesOf(session, type ?? "council", words) : undefined;
          return session.client.conversations.send(id, message, {
            ...given({ type, on_busy, input }),
            signal,
          });
        }),
      ),
    );
}

function conversationLines({ title, processing_state: state, error, messages }: Conversation): string[] {
  const lines = [`${title} (${state})`];
  if (error) lines.push(`${error.message} (${error.code})`);
  for (const { number, role, content, job_id, created_at } of messages) {
    lines.push("", `${number}. ${role}, ${created_at}, job ${job_id}`, content);
  }
  return lines;
}
