import { ServiceError } from "../../core/protocol/error.ts";

/** The request's method is not one that this path has. */
export class MethodNotAllowed extends ServiceError {
  override readonly code = "method_not_allowed";
}
/** The body is not JSON, or is compressed. */
export class UnsupportedMediaType extends ServiceError {
  override readonly code = "unsupported_media_type";
}

const known: Record<string, { status: number; title: string }> = {
  invalid_request: { status: 400, title: "Invalid request" },
  unauthorized: { status: 401, title: "Not authenticated" },
  forbidden: { status: 403, title: "Not allowed" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  conflict: { status: 409, title: "Conflict" },
  conversation_busy: { status: 409, title: "Conversation busy" },
  too_large: { status: 413, title: "Too large" },
  unsupported_media_type: { status: 415, title: "Unsupported media type" },
  limit_reached: { status: 429, title: "Limit reached" },
  idempotency_key_reused: { status: 422, title: "Idempotency key reused" },
  unavailable: { status: 503, title: "Unavailable for the moment" },
};

/** RFC 9457. `code` is for programs, `detail` for people; what an error has to say beyond that are further members. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  [member: string]: unknown;
};

/** What a caller is told of an error. Of a surprise that is the request id and nothing else. */
export function problemOf(error: unknown, requestId: string): Problem {
  const expected = error instanceof ServiceError ? known[error.code] : undefined;
  const { status, title } = expected ?? { status: 500, title: "Internal error" };
  const { code, message, details } =
    expected && error instanceof ServiceError
      ? error
      : {
          code: "internal_error",
          message: `Something went wrong here; name the request id ${requestId} when you report it`,
          details: undefined,
        };
  return {
    ...(details && typeof details === "object" && !Array.isArray(details) ? details : {}),
    type: `urn:convoke:problem:${code}`,
    title,
    status,
    detail: message,
    code,
    request_id: requestId,
  };
}
