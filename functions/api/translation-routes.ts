import * as z from "zod";
import { languages } from "../../jobs/translation/languages.ts";
import { stabilityInput } from "../../jobs/translation/stability.ts";
import { translationInput } from "../../jobs/translation/translation.ts";
import { accept } from "./accept.ts";
import { type AnyRoute, route } from "./route.ts";
import * as schemas from "./schemas.ts";

/** Texts that are sent into other languages and back. */
export const translationRoutes: AnyRoute[] = [
  route({
    method: "post",
    path: "/api/translation/round-trip",
    summary: "Sends a text into another language and back, and says what was lost",
    access: "jobs:write",
    body: translationInput,
    idempotent: true,
    answer: { status: 202, description: "A job of type translation", schema: schemas.acceptedJob },
    handle: async (call, door) => {
      return accept(call, door, {
        type: "translation",
        input: call.body,
      });
    },
  }),

  route({
    method: "post",
    path: "/api/translation/stability-analysis",
    summary:
      "Sends a text through several languages and back, and finds the meaning that survives all of them",
    access: "jobs:write",
    body: stabilityInput,
    idempotent: true,
    answer: { status: 202, description: "A job of type translation-stability", schema: schemas.acceptedJob },
    handle: async (call, door) => {
      return accept(call, door, {
        type: "translation-stability",
        input: call.body,
      });
    },
  }),

  route({
    method: "get",
    path: "/api/translation/supported-languages",
    summary: "The languages that a text can be sent through",
    access: "jobs:read",
    answer: {
      status: 200,
      description: "Name and ISO 639-1 code",
      schema: z.object({ languages: z.array(z.object({ name: z.string(), code: z.string() })) }),
    },
    handle: async () => ({
      languages: Object.entries(languages).map(([name, code]) => ({ name, code })),
    }),
  }),
];
