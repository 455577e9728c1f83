import type { Json, JsonObject } from "../../core/protocol/json.ts";
import type { Paint } from "./text.ts";

/** How jobs of a type are shown. What is not said here is shown as the job itself names it. */
export type Look = {
  /** Of the groups of its steps, by the first name of their paths. With it, steps of other groups are not shown. */
  headings?: Record<string, string>;
  /** A step that is asked for again under a number (`#2`) is the same one to people. */
  oneRow?: true;
  /** What is going to be done, as far as the input tells: paths. */
  expected?: (input: Json) => string[];
  /** What steps are called to people, by their paths, where their own names do not say it. */
  names?: (input: Json) => Record<string, string>;
  words?: { working: string; done: string };
  result?: (result: JsonObject, paint: Paint) => string[];
};
