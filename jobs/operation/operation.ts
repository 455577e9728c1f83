import * as z from "zod";
import { whyNot } from "../../core/egress.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import { invalid } from "../../core/engine/parse.ts";
import { addressesIn, httpRequest } from "../../core/operations/http.ts";
import type { JsonObject } from "../../core/protocol/json.ts";
import { callingOff, operation as operate } from "../shared/operation.ts";

const day = 86_400;

const input = httpRequest
  .extend({
    timeout_seconds: z
      .int()
      .min(1)
      .max(6 * day)
      .optional()
      .meta({ description: "Default: a day" }),
    poll: z
      .strictObject({
        first_seconds: z.number().min(1).max(3_600).optional(),
        factor: z.number().min(1).max(10).optional(),
        most_seconds: z.number().min(1).max(86_400).optional(),
      })
      .optional()
      .meta({
        description:
          "How often `status` is asked. Default: after 5 s, then 1.5 times as long each time, up to 60 s",
      }),
  })
  .meta({ id: "OperationInput" });

const result = z
  .object({
    operation_id: z.string(),
    result: z.record(z.string(), z.json()),
  })
  .meta({ id: "OperationResult" });

type Input = z.infer<typeof input>;

/** Has any HTTP service do something that takes long: begins it, waits at no cost, and fetches what came of it. */
export const operation = defineJob<Input, z.infer<typeof result>>({
  type: "operation",
  version: 1,
  summary: "Begins something long at an HTTP service and waits for its end, by asking or by a callback",
  input,
  result,
  example: {
    start: { url: "https://renderer.example.com/renders", body: { scene: "harbour" } },
    status: { url: "https://renderer.example.com/renders/{operation_id}" },
  },
  prepare(given, { operationHosts }) {
    for (const [field, address] of Object.entries(addressesIn(given))) {
      const reason = whyNot(
        address.replaceAll("{operation_id}", "id").replaceAll("{callback_url}", "url"),
        operationHosts,
      );
      if (reason) throw invalid(`input.${field}`, `${reason}. Operators allow hosts with OPERATION_HOSTS`);
    }
    return given;
  },
  title: ({ start }) => `Operation at ${URL.parse(start.url)?.host ?? start.url}`,
  description: ({ start }) => `${start.method ?? "POST"} ${start.url}`.slice(0, 200),

  async run(ctx, { timeout_seconds = day, poll = {}, ...request }, services) {
    const { first_seconds: firstSeconds, factor, most_seconds: mostSeconds } = poll;
    const { ticket, result } = await operate(ctx, "operation", services, {
      operation: "http:",
      request: request as JsonObject,
      timeoutSeconds: timeout_seconds,
      cadence: {
        ...(firstSeconds === undefined ? {} : { firstSeconds }),
        ...(factor === undefined ? {} : { factor }),
        ...(mostSeconds === undefined ? {} : { mostSeconds }),
      },
      what: "the operation",
    });
    return { operation_id: ticket.operation_id, result };
  },
  callOff: callingOff("operation"),
});
