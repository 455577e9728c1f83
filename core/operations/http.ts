import * as z from "zod";
import { type Egress, EgressRefused } from "../egress.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import {
  garbled,
  OperationError,
  type OperationProvider,
  type Poll,
  refusal,
  type Ticket,
  unreachable,
} from "./operation.ts";

/** Where keys would end up in the journal, and where they would not: the deployment adds them by the host. */
const secretHeaders =
  /^(authorization|proxy-.*|cookie|host|content-length|transfer-encoding|connection|upgrade)$/i;

const headers = z
  .record(z.string().regex(/^[A-Za-z0-9-]{1,64}$/), z.string().regex(/^[\x20-\x7e]{0,1000}$/))
  .refine((given) => !Object.keys(given).some((name) => secretHeaders.test(name)), {
    error: "Keys do not belong into a job: the deployment sends them along (OPERATION_HEADERS)",
  })
  .optional();
const url = z.string().max(2_000);
const pointer = z
  .string()
  .max(200)
  .regex(/^(\/[^/]*)*$/, "A JSON pointer, such as /status");
const words = z.array(z.string().max(100)).min(1).max(20);

/** What a job says of an operation that some HTTP service does. */
export const httpRequest = z.strictObject({
  start: z
    .strictObject({ method: z.enum(["POST", "PUT"]).optional(), url, headers, body: z.json().optional() })
    .meta({
      description:
        "Begins the operation. `{callback_url}` in it is replaced by an address at which the service may say that it has done",
    }),
  status: z
    .strictObject({ url, headers })
    .meta({ description: "Is asked with GET. `{operation_id}` in its URL is replaced" }),
  cancel: z
    .strictObject({ method: z.enum(["POST", "DELETE", "PUT"]).optional(), url, headers })
    .optional()
    .meta({ description: "Calls it off. `{operation_id}` in its URL is replaced" }),
  read: z
    .strictObject({
      operation_id: pointer.optional().meta({ description: "In the answer to `start`. Default: /id" }),
      state: pointer.optional().meta({ description: "In the answer to `status`. Default: /status" }),
      done: words.optional().meta({ description: "States. Default: succeeded, completed, done, true" }),
      failed: words.optional().meta({ description: "States. Default: failed, error, cancelled, canceled" }),
      result: pointer.optional().meta({ description: "Default: the whole answer" }),
      error: pointer.optional().meta({ description: "What it says of a failure. Default: /error" }),
      percentage: pointer.optional(),
    })
    .optional()
    .meta({ description: "Where to find what, as JSON pointers" }),
  idempotent: z.boolean().optional().meta({
    description:
      "The service heeds `Idempotency-Key`, so that a start whose answer got lost is made again. Default: false, and such a job fails",
  }),
});

export type HttpRequest = z.infer<typeof httpRequest>;

/** The addresses that a request names, by the field in which they stand. */
export function addressesIn({ start, status, cancel }: HttpRequest): Record<string, string> {
  return {
    "start.url": start.url,
    "status.url": status.url,
    ...(cancel ? { "cancel.url": cancel.url } : {}),
  };
}

export function callsBack({ start }: HttpRequest): boolean {
  return JSON.stringify(start).includes("{callback_url}");
}

const defaults = {
  operation_id: "/id",
  state: "/status",
  done: ["succeeded", "completed", "done", "true"],
  failed: ["failed", "error", "cancelled", "canceled"],
  result: "",
  error: "/error",
};

type HttpTicket = Ticket & Omit<HttpRequest, "start">;

/**
 * Any service that begins something, gives it an id, and says how it stands.
 * @param secrets - headers that are sent to a host besides: they are the deployment's, and in no journal.
 */
export function httpOperations(
  call: Egress,
  secrets: (host: string) => Promise<Record<string, string>>,
): OperationProvider {
  async function ask(
    method: string,
    address: string,
    given: { headers?: Record<string, string> | undefined; body?: Json; key?: string; signal: AbortSignal },
  ): Promise<{ host: string; value: Json }> {
    const host = URL.parse(address)?.host;
    if (!host)
      throw new OperationError("operation_unknown", "What the operation's id makes of its address is none");
    const sent: Record<string, string> = { accept: "application/json", "user-agent": "convoke" };
    if (given.body !== undefined) sent["content-type"] = "application/json";
    Object.assign(sent, given.headers);
    if (given.key !== undefined) sent["idempotency-key"] = given.key;
    Object.assign(sent, await secrets(host));
    const answer = await call({
      method,
      url: address,
      headers: sent,
      ...(given.body === undefined ? {} : { body: JSON.stringify(given.body) }),
      signal: given.signal,
    }).catch((error: unknown) => {
      if (error instanceof EgressRefused) throw new OperationError("operation_unknown", error.message);
      throw unreachable(host, error);
    });
    if (answer.status < 200 || answer.status > 299) throw refusal(host, answer.status);
    return { host, value: parsed(host, answer.text) };
  }

  function read(ticket: Ticket, said: Json): Poll {
    const { read } = ticket as HttpTicket;
    const places = { ...defaults, ...read };
    const state = String(at(said, places.state) ?? "").toLowerCase();
    if (places.done.includes(state)) {
      const result = at(said, places.result) ?? null;
      return { state: "done", result: isObject(result) ? result : { value: result } };
    }
    if (places.failed.includes(state)) {
      const error = at(said, places.error);
      const message = typeof error === "string" ? error : JSON.stringify(error ?? state);
      return { state: "failed", failure: { code: "operation_failed", message: message.slice(0, 1_000) } };
    }
    const percentage = Number(places.percentage === undefined ? Number.NaN : at(said, places.percentage));
    return { state: "pending", ...(percentage >= 0 && percentage <= 100 ? { percentage } : {}) };
  }

  return {
    async start(operation, request, { signal, idempotencyKey, callbackUrl }) {
      const { start, ...rest } = request as HttpRequest;
      const filled = JSON.parse(
        JSON.stringify(start).replaceAll("{callback_url}", JSON.stringify(callbackUrl ?? "").slice(1, -1)),
      ) as HttpRequest["start"];
      const { method = "POST", url, headers, body = {} } = filled;
      const { host, value } = await ask(method, url, { headers, body, key: idempotencyKey, signal });
      const id = at(value, rest.read?.operation_id ?? defaults.operation_id);
      // Dots alone would lead elsewhere in a path.
      if ((typeof id !== "string" && typeof id !== "number") || /^\.*$/.test(String(id)))
        throw garbled(host, "without an operation id");
      return { ...(rest as JsonObject), operation, operation_id: String(id) };
    },
    async poll(ticket, { signal }) {
      const { status } = ticket as HttpTicket;
      const address = filledIn(status.url, ticket);
      return read(ticket, (await ask("GET", address, { headers: status.headers, signal })).value);
    },
    read,
    async cancel(ticket, { signal, idempotencyKey: key }) {
      const { cancel } = ticket as HttpTicket;
      if (!cancel) return;
      const { method = "POST", url, headers } = cancel;
      const address = filledIn(url, ticket);
      await ask(method, address, { headers, ...(method === "DELETE" ? {} : { body: {} }), key, signal });
    },
  };
}

/** An id is the service's own: it goes into a path or query, and cannot change where that leads. */
function filledIn(template: string, { operation_id }: Ticket): string {
  return template.replaceAll("{operation_id}", () => encodeURIComponent(operation_id));
}

/** Some answer nothing at all to a cancel. */
function parsed(host: string, text: string): Json {
  if (text.trim() === "") return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw garbled(host, "with something that is not JSON");
  }
}

/** @see https://www.rfc-editor.org/rfc/rfc6901 */
function at(value: Json, pointer: string): Json | undefined {
  let here: Json | undefined = value;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, name)) return undefined;
    here = (here as JsonObject)[name];
  }
  return here;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
