/**
 * List prices of us-east-1 in dollars per million, without any free tier, as read in November 2026.
 * @see https://aws.amazon.com/lambda/pricing/ (arm64), https://aws.amazon.com/dynamodb/pricing/on-demand/,
 * https://aws.amazon.com/sqs/pricing/, https://aws.amazon.com/api-gateway/pricing/,
 * https://aws.amazon.com/cloudwatch/pricing/ (logs; a dollar amount for a million bytes)
 */
const dollarsPerMillion = {
  httpRequests: 1,
  lambdaRequests: 0.2,
  lambdaGbSeconds: 13.3334,
  sqsRequests: 0.4,
  writeUnits: 0.625,
  readUnits: 0.125,
  /** Of up to 32 KB, in either direction. */
  socketMessages: 1,
  socketMinutes: 0.25,
  logBytes: 0.0005,
};

export type Operations = Record<keyof typeof dollarsPerMillion, number>;

/** What a million jobs cost, by kind, when one job needs these operations. */
export function dollars(operations: Operations): Record<keyof Operations, number> {
  const kinds = Object.keys(dollarsPerMillion) as (keyof Operations)[];
  return Object.fromEntries(
    kinds.map((kind) => [kind, operations[kind] * dollarsPerMillion[kind]]),
  ) as Record<keyof Operations, number>;
}

/** Lambda's own three lines for each invocation, and ours for a request or a pass. */
export const logBytesPerInvocation = 700;
