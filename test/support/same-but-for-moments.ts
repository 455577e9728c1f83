import { isDeepStrictEqual } from "node:util";

const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** When things happened is not what happened: a run that was disturbed took longer. */
export function sameButForMoments(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(timeless(one), timeless(other));
}

function timeless(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (name, inner: unknown) =>
      name === "duration_ms" || (typeof inner === "string" && moment.test(inner)) ? "then" : inner,
    ),
  );
}
