import { randomUUID } from "node:crypto";
import type { Json } from "../core/protocol/json.ts";
import type { Log } from "./log.ts";
import type { SandboxPools } from "./pool.ts";
import { account, region } from "./resource-types.ts";
import { type Template, Unsupported } from "./template.ts";

const unitMs: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** @throws Unsupported for `cron()` and `at()`, which nothing of ours uses. */
export function rateMs(expression: string): number {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  if (!count || !unit) {
    throw new Unsupported(`The embedded cloud does not know the schedule ${expression}; it knows rate(...)`);
  }
  return Number(count) * unitMs[unit]!;
}

/**
 * Invokes the targets of the template's rules and schedules. An invocation that fails is not repeated: the next is due
 * soon enough.
 * @param scale - how much faster than on AWS: with 12, once a minute is every five seconds.
 * @returns stops them all.
 */
export function startSchedules(
  template: Template,
  lambdas: SandboxPools,
  log: Log,
  scale: number,
): () => void {
  const rules = template.of("AWS::Events::Rule").flatMap(({ name, properties }) =>
    properties.Targets.map(({ Arn, Input }) => ({
      name,
      expression: properties.ScheduleExpression,
      enabled: properties.State === "ENABLED",
      target: Arn,
      event: () => (Input === undefined ? scheduledEvent(name) : (JSON.parse(Input) as Json)),
    })),
  );
  const schedules = template.of("AWS::Scheduler::Schedule").map(({ name, properties }) => ({
    name,
    expression: properties.ScheduleExpression,
    enabled: properties.State === "ENABLED",
    target: properties.Target.Arn,
    event: () => JSON.parse(properties.Target.Input ?? "{}") as Json,
  }));
  const timers = [...rules, ...schedules].map(({ name, expression, enabled, target, event }) => {
    const everyMs = rateMs(expression);
    const { id, properties } = template.find("AWS::Lambda::Function", target);
    if (!enabled) return undefined;
    // What ends before it is due again on AWS must not pile up here, on a machine that is too busy for the faster pace.
    // One more, so that one that hangs does not stop the clock.
    const most = Math.ceil((properties.Timeout * 1000) / everyMs) + 1;
    let running = 0;
    return setInterval(() => {
      if (running >= most) return;
      running += 1;
      lambdas
        .invoke(id, event(), { about: "on schedule", routine: true })
        .catch((error: unknown) => log.line(`schedule ${name}: ${error}`))
        .finally(() => {
          running -= 1;
        });
    }, everyMs / scale);
  });
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

function scheduledEvent(rule: string): Json {
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": "Scheduled Event",
    source: "aws.events",
    account,
    time: `${new Date().toISOString().slice(0, 19)}Z`,
    region,
    resources: [`arn:aws:events:${region}:${account}:rule/${rule}`],
    detail: {},
  };
}
