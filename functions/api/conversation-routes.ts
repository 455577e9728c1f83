import { newConversation } from "../../core/conversations/conversation.ts";
import { NotFound } from "../../core/protocol/error.ts";
import { accept, type Place } from "./accept.ts";
import { conversationSummary, conversationView, fitting } from "./conversation-view.ts";
import { type AnyRoute, route } from "./route.ts";
import * as schemas from "./schemas.ts";

const noConversation = (id: string) => new NotFound(`No conversation "${id}"`);

/** Conversations, whose messages jobs answer. */
export const conversationRoutes: AnyRoute[] = [
  route({
    method: "post",
    path: "/api/conversations",
    summary: "Begins a conversation",
    access: "jobs:write",
    body: schemas.conversationBody,
    answer: { status: 201, description: "An empty conversation", schema: schemas.conversation },
    handle: async ({ principal, body }, { services }) => {
      const record = newConversation(principal.tenant, services.newId(), services.now());
      if (body?.title) record.title = body.title;
      await services.conversations.create(record);
      return conversationView(record, []);
    },
  }),

  route({
    method: "get",
    path: "/api/conversations",
    summary: "Lists conversations, newest first",
    access: "jobs:read",
    query: schemas.pageQuery,
    answer: { status: 200, description: "A page of conversations", schema: schemas.conversationPage },
    handle: async ({ principal, query }, { services }) => {
      const page = await services.conversations.list(principal.tenant, query);
      return {
        conversations: page.conversations.map(conversationSummary),
        next_cursor: page.cursor ?? null,
      };
    },
  }),

  route({
    method: "get",
    path: "/api/conversations/{id}",
    summary: "Reads a conversation with its messages",
    access: "jobs:read",
    params: schemas.idParams,
    query: schemas.conversationQuery,
    answer: { status: 200, description: "The conversation", schema: schemas.conversation },
    handle: async ({ principal, params, query }, { services }) => {
      const { conversations } = services;
      const record = await conversations.get(principal.tenant, params.id);
      if (!record) throw noConversation(params.id);
      // Messages are read after the state, so a conversation that is idle has its answer; what came in between is for
      // the next look, so one that has its answer is idle.
      const found = await conversations.messages(principal.tenant, params.id, {
        after: query.after ?? Math.max(0, record.messageCount - query.limit),
        limit: query.limit,
      });
      const messages = found.filter(({ number }) => number <= record.messageCount);
      const keep = query.after === undefined ? "last" : "first";
      return conversationView(record, fitting(messages, services.settings.answerBytes, keep));
    },
  }),

  route({
    method: "post",
    path: "/api/conversations/{id}/messages",
    aliases: ["/api/conversations/{id}/message", "/api/conversations/{id}/message/stream"],
    summary: "Sends a message; a job answers it in the background",
    access: "jobs:write",
    params: schemas.idParams,
    body: schemas.messageBody,
    idempotent: true,
    answer: {
      status: 202,
      description: "The message is in the conversation, its job will answer",
      schema: schemas.acceptedMessage,
    },
    handle: async (call, door) => {
      const { deployment } = door.services;
      const { content, on_busy, type = deployment.messageType, input, priority, notify } = call.body;
      const message = door.jobs.latest(type)?.message ?? "question";
      const accepted = await accept(call, door, {
        type,
        input: { ...input, [message]: content },
        priority,
        ...(notify ? { notify } : {}),
        conversation: { id: call.params.id, onBusy: on_busy },
      });
      // A job of a conversation has its place there.
      return accepted as typeof accepted & Required<Pick<typeof accepted, keyof Place>>;
    },
  }),
];
