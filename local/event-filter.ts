import type { Json, JsonObject } from "../core/protocol/json.ts";
import { Unsupported } from "./template.ts";

export type EventFilter = (event: JsonObject) => boolean;

/**
 * Lambda's event filtering, as far as our templates use it: equality, `prefix`, `suffix`, `exists`, `anything-but` and
 * `numeric`. An event passes when one of the patterns matches.
 * @throws Unsupported for any other comparison.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
 */
export function eventFilter(patterns: string[]): EventFilter {
  if (patterns.length === 0) return () => true;
  const matchers = patterns.map((pattern) => compile(JSON.parse(pattern) as JsonObject));
  return (event) => matchers.some((matches) => matches(event));
}

type Matcher = (value: Json | undefined) => boolean;

function compile(pattern: JsonObject): Matcher {
  const fields = Object.entries(pattern).map(([name, rule]) => {
    if (Array.isArray(rule)) {
      const any = rule.map(comparison);
      return [name, (value) => any.some((matches) => matches(value))] as [string, Matcher];
    }
    if (rule !== null && typeof rule === "object") return [name, compile(rule)] as [string, Matcher];
    throw new Unsupported(`A filter pattern holds ${JSON.stringify(rule)} at ${name}; expected a list`);
  });
  return (value) => {
    const object = value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
    return fields.every(([name, matches]) => matches(object[name]));
  };
}

function comparison(rule: Json): Matcher {
  if (rule === null || typeof rule !== "object") return (value) => value === rule;
  const [[name, argument] = []] = Object.entries(rule as JsonObject);
  switch (name) {
    case "prefix":
      return (value) => typeof value === "string" && value.startsWith(String(argument));
    case "suffix":
      return (value) => typeof value === "string" && value.endsWith(String(argument));
    case "exists":
      return (value) => (value !== undefined) === argument;
    case "anything-but": {
      const refused = Array.isArray(argument) ? argument : [argument!];
      if (refused.some((one) => one !== null && typeof one === "object")) break;
      return (value) => value !== undefined && !refused.includes(value);
    }
    case "numeric":
      return numeric(argument as (string | number)[]);
  }
  throw new Unsupported(`The embedded cloud does not know the filter ${JSON.stringify(rule)}`);
}

const operators: Record<string, (left: number, right: number) => boolean> = {
  "=": (left, right) => left === right,
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};

/** `[">", 0, "<=", 5]`. DynamoDB's numbers are strings. */
function numeric(argument: (string | number)[]): Matcher {
  const checks: ((value: number) => boolean)[] = [];
  for (let at = 0; at < argument.length; at += 2) {
    const compare = operators[String(argument[at])];
    if (!compare) throw new Unsupported(`The embedded cloud does not know the comparison ${argument[at]}`);
    const bound = Number(argument[at + 1]);
    checks.push((value) => compare(value, bound));
  }
  return (value) => {
    const number = typeof value === "string" && value !== "" ? Number(value) : value;
    return typeof number === "number" && checks.every((check) => check(number));
  };
}
