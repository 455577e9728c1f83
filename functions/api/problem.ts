import { ServiceError } from "../../core/protocol/error.ts";
import { errorCatalogue, textOf } from "../../core/protocol/error-catalogue.ts";

/** The request's method is not one that this path has. */
export class MethodNotAllowed extends ServiceError {
  override readonly code = "method_not_allowed";
}
/** The body is not JSON, or is compressed. */
export class UnsupportedMediaType extends ServiceError {
  override readonly code = "unsupported_media_type";
}

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
  const text = error instanceof ServiceError ? textOf(error.code) : undefined;
  const { status = 500, title } = text?.status === undefined ? errorCatalogue.internal_error : text;
  const { code, message, details } =
    text?.status !== undefined && error instanceof ServiceError
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
