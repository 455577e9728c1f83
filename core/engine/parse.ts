import type * as z from "zod";
import { InvalidRequest } from "../protocol/error.ts";

/** One field is at fault. */
export function invalid(field: string, message: string): InvalidRequest {
  return new InvalidRequest(`${field}: ${message}`, { details: { errors: [{ field, message }] } });
}

/** So many faults are named. One body can hold thousands. */
const named = 20;

/**
 * Reads something from outside.
 * @param at - where it stands in the request, so that a fault is named as the caller wrote it (`input.question`).
 * @throws InvalidRequest whose details list every faulty field.
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown, at: string[] = []): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.slice(0, named).map((issue) => ({
    field: [...at, ...issue.path.map(String)].join("."),
    message: issue.message,
  }));
  const [first] = errors;
  throw new InvalidRequest(
    first?.field ? `${first.field}: ${first.message}` : (first?.message ?? "Invalid"),
    {
      details: { errors },
    },
  );
}
