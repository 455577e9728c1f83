import * as z from "zod";
import { type ErrorText, errorCatalogue } from "../../core/protocol/error-catalogue.ts";
import { iso } from "../../core/protocol/wire.ts";
import { type AnyRoute, route } from "./route.ts";
import * as schemas from "./schemas.ts";

/** Whether the service is there, what it can be asked, and who may ask. */
export const accessRoutes: AnyRoute[] = [
  route({
    method: "get",
    path: "/api/health",
    summary: "Says that the service answers",
    access: "open",
    answer: { status: 200, description: "It does", schema: schemas.health },
    handle: async () => ({ status: "ok" as const }),
  }),

  route({
    method: "get",
    path: "/api/openapi.json",
    summary: "This document",
    access: "open",
    answer: { status: 200, description: "OpenAPI 3.1", schema: z.record(z.string(), z.unknown()) },
    handle: async () => (await import("./openapi.json", { with: { type: "json" } })).default,
  }),

  route({
    method: "get",
    path: "/api/errors",
    summary: "What the codes of errors mean, for users and for developers",
    access: "open",
    answer: { status: 200, description: "Every code of this service", schema: schemas.errorTexts },
    handle: async () => ({
      errors: Object.entries<ErrorText>(errorCatalogue).map(([code, { status = null, ...text }]) => ({
        code,
        status,
        ...text,
      })),
    }),
  }),

  route({
    method: "post",
    path: "/api/ws-ticket",
    summary: "Issues a ticket that opens one WebSocket",
    access: "jobs:read",
    answer: { status: 201, description: "Use it within its short life", schema: schemas.ticket },
    handle: async ({ principal }, { services, socketUrl }) => {
      const { ticket, expiresAt } = await services.keys.issueTicket(
        principal,
        services.settings.ticketSeconds,
      );
      return { ticket, url: socketUrl, expires_at: iso(expiresAt) };
    },
  }),

  route({
    method: "get",
    path: "/api/keys/current",
    summary: "Says whose key this is and what it may do",
    access: "known",
    answer: { status: 200, description: "The caller", schema: schemas.currentKey },
    handle: async ({ principal }) => ({
      id: principal.id,
      tenant: principal.tenant,
      scopes: principal.scopes,
      expires_at: principal.expiresAt === undefined ? null : iso(principal.expiresAt),
    }),
  }),
];
