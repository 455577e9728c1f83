/** One defect: a change of one line's behaviour in the real source. */
export type Mutant = {
  defect: string;
  file: string;
  /** Stands in the file exactly once. */
  find: string;
  replace: string;
  /** Where it shows best, if not in a storm like any other. */
  weather?: "gentle" | "clear";
};

/**
 * What the storms must notice. A mutant that they do not kill shows that they look away somewhere, and one whose text is
 * no longer found shows nothing, so both fail the suite.
 */
export const mutants: Mutant[] = [
  {
    defect: "no fencing: whatever stands in the way is absorbed",
    file: "core/engine/append.ts",
    find: `if (!passable(standing)) return { end: "overtaken", entry: standing };`,
    replace: "",
  },
  {
    defect: "any conflict is taken for another worker",
    file: "core/engine/append.ts",
    find: "if (!passable(standing)) return",
    replace: "if (standing) return",
  },
  {
    defect: "a writer does not know its own entry",
    file: "core/engine/append.ts",
    find: "if (standing.token === token) return",
    replace: "if (!token) return",
  },
  {
    defect: "every try has another token",
    file: "core/engine/append.ts",
    find: "      token,\n",
    replace: "      token: newId(),\n",
  },
  {
    defect: "the place of a winner is skipped",
    file: "core/engine/append.ts",
    find: "seq: state.seq + 1,",
    replace: "seq: state.seq + attempt,",
  },
  {
    defect: "the end is decided once, whatever comes before it",
    file: "core/engine/tenure.ts",
    find: `if (!job.cancelRequested || decision`,
    replace: `if (job || decision`,
  },
  {
    defect: "a worker looks past another worker's entry",
    file: "core/engine/tenure.ts",
    find: "if (!isSignal(entry)) return { overtakenBy: entry.by };",
    replace: "",
  },
  {
    defect: "a worker does not claim",
    file: "core/engine/tenure.ts",
    find: `this.claimed ? [] : [{ kind: "job.claimed", by: this.by }]`,
    replace: "[]",
  },
  {
    defect: "a claim gives no lease",
    weather: "gentle",
    file: "core/engine/tenure.ts",
    find: "lease: { by: this.by, until }",
    replace: "lease: { by: this.by, until: 0 }",
  },
  {
    defect: "a job that is let go has no due",
    file: "core/engine/tenure.ts",
    find: "return { ...rest, due: dueAt };",
    replace: "return { ...rest, due: undefined };",
  },
  {
    defect: "what people see of the progress falls",
    file: "core/engine/tenure.ts",
    find: "Math.max(before?.percentage ?? 0, progress.percentage)",
    replace: "progress.percentage",
  },
  {
    defect: "a lease is ignored",
    weather: "gentle",
    file: "core/engine/pass.ts",
    find: `if (!lease || lease.until <= now()) return false;`,
    replace: `if (lease !== null) return false;`,
  },
  {
    defect: "what has expired is folded all the same",
    file: "core/engine/pass.ts",
    find: "if (!head || entries[0]?.seq !== 1)",
    replace: "if (!head)",
  },
  {
    defect: "no job waits for its turn in a conversation",
    file: "core/engine/pass.ts",
    find: `if (!conversation?.waitingJobIds.includes(jobId)) return undefined;`,
    replace: `if (conversation) return undefined;`,
  },
  {
    defect: "a cancel leaves due where it is",
    file: "core/engine/signal.ts",
    find: "due: services.now() + services.settings.submitDueMs,",
    replace: "",
  },
  {
    defect: "a key that was used for something else is taken for a repetition",
    file: "core/engine/submit.ts",
    find: `if (made.fingerprint !== plan.idempotency?.fingerprint) throw new IdempotencyMismatch(reusedKey);`,
    replace: ``,
  },
  {
    defect: "steps begin before their intent stands",
    file: "core/engine/live-pass.ts",
    find: `      planned = plan(job);
`,
    replace: `      planned = plan(job);
      for (const operation of planned.starting.splice(0)) this.start(operation);
`,
  },
  {
    defect: "a wait ends at once",
    file: "core/engine/live-pass.ts",
    find: `(dueAt !== undefined && dueAt <= moment)`,
    replace: `dueAt !== undefined`,
  },
  {
    defect: "a wait is not looked at again",
    file: "core/engine/plan.ts",
    find: `.filter(({ state }) => state === "waiting" || (retries && state === "retrying"))`,
    replace: `.filter(({ state }) => retries && state === "retrying")`,
  },
  {
    defect: "a retry does not wait for its time",
    file: "core/engine/plan.ts",
    find: `dueAt! <= now)`,
    replace: `dueAt! <= now + 5_000)`,
  },
  {
    defect: "nobody looks for a cancel while a call goes on",
    weather: "clear",
    file: "core/engine/live-pass.ts",
    find: `if (!cancelRequested) return undefined;`,
    replace: `if (cancelRequested?.at !== 0) return undefined;`,
  },
  {
    defect: "a lost attempt of a retry: failures are not counted",
    file: "core/engine/run.ts",
    find: "operation.failures += 1;",
    replace: "",
  },
  {
    defect: "a replay gives everything at once",
    file: "core/engine/replay.ts",
    find: `await program.give(settled);
    await settle();`,
    replace: `await program.give(settled);`,
  },
  {
    defect: "the limit of steps is noticed too late",
    file: "core/engine/budget.ts",
    find: "job.steps + beginning <= maxSteps",
    replace: "job.steps <= maxSteps",
  },
  {
    defect: "a heartbeat overwrites a newer HEAD",
    file: "core/journal/memory.ts",
    find: " || job.head.seq > head.seq",
    replace: "",
  },
  {
    defect: "a heartbeat has no condition",
    file: "core/journal/memory.ts",
    find: "if (!job?.head?.lease || job.head.lease.by !== head.lease?.by || job.head.seq > head.seq) return false;",
    replace: "if (!job?.head) return false;",
  },
  {
    defect: "a large value is referred to and never stored",
    file: "core/payloads/payloads.ts",
    find: "return { ref: await payloads.put(job, json) };",
    replace: "return { ref: refOf(job, json) };",
  },
  {
    defect: "all tenants share their partitions",
    file: "core/table.ts",
    find: "tenantPartition(job.tenant)}#J#",
    replace: `tenantPartition("acme")}#J#`,
  },
  {
    defect: "the sweeper wakes nobody",
    file: "functions/sweeper/sweeper.ts",
    find: "await queue.send(head.lane, { tenant, jobId });",
    replace: "",
  },
  {
    defect: "the journal is read before the watch stands",
    weather: "clear",
    file: "functions/sockets/sockets.ts",
    find: `    await addWatch({ jobId: job.jobId }, viewer, { deltas, batch });

    let page = await services.journal.read(job, after, pageEntries);`,
    replace: `    let page = await services.journal.read(job, after, pageEntries);
    await addWatch({ jobId: job.jobId }, viewer, { deltas, batch });`,
  },
  {
    defect: "the order of pushes is trusted",
    file: "client/feed.ts",
    find: `const next = this.#ahead.get(this.#last + 1);
      if (!next) break;
      this.#last += 1;`,
    replace: `const next = this.#ahead.values().next().value;
      if (!next) break;
      this.#last = next.seq;`,
  },
  {
    defect: "a gap is not asked for",
    file: "client/feed.ts",
    find: `if (this.#asks % 2 === 1) this.#ask();
            else void this.#readOnce();`,
    replace: "",
  },
  {
    defect: "a watch is not asked for on a new connection",
    file: "client/feed.ts",
    find: `this.#stopPolling();
    this.#ask();`,
    replace: "this.#stopPolling();",
  },
  {
    defect: "nobody asks for the head of a silent journal",
    file: "client/live-socket.ts",
    find: "this.#probe = setInterval(() => this.#probeJobs(socket), probeMs);",
    replace: "",
  },
  {
    defect: "a second answer to a callback is recorded too",
    file: "core/engine/callback.ts",
    find: "if (!open || open.decided) return undefined;\n    return { kind",
    replace: "if (!open) return undefined;\n    return { kind",
  },
  {
    defect: "whoever answers is told yes, whatever stands",
    file: "core/engine/callback.ts",
    find: "if (!same || event.kind",
    replace: "if (event.kind",
  },
  {
    defect: "a paused job goes on",
    file: "core/engine/plan.ts",
    find: "const held = job.paused !== undefined || (",
    replace: "const held = (",
  },
  {
    defect: "a job does not wait for those that it depends on",
    file: "core/engine/dependencies.ts",
    find: "if (!job.dependencies) return undefined;",
    replace: "if (job) return undefined;",
  },
  {
    defect: "a job begins before its time",
    file: "core/engine/pass.ts",
    find: "if (runAt !== undefined && runAt > moment)",
    replace: "if (runAt !== undefined && runAt < 0)",
  },
  {
    defect: "a journal that has ended is read once, and if that fails not again",
    file: "client/feed.ts",
    find: "if (!this.#unread(error)) return;\n      // Asked again",
    replace: "if (!this.#unread(error) || error) return;\n      // Asked again",
  },
  {
    defect: "tokens are not counted",
    file: "core/engine/budget.ts",
    find: `tokens >= (budget.max_tokens ?? Infinity)`,
    replace: `tokens < 0`,
  },
  {
    defect: "twice the dollars may be spent",
    file: "core/engine/budget.ts",
    find: `(usage.cost_usd ?? 0) >= (budget.max_cost_usd ?? Infinity)`,
    replace: `(usage.cost_usd ?? 0) >= 2 * (budget.max_cost_usd ?? Infinity)`,
  },
  {
    defect: "a pass does not count itself",
    file: "core/engine/live-pass.ts",
    find: "planTurn(folded(job, [...this.tenure.claim, ...happened], now()), situation)",
    replace: "planTurn(folded(job, happened, now()), situation)",
  },
  {
    defect: "a job that goes on anew has its whole budget again",
    file: "core/engine/continuation.ts",
    find: "const budget = remainder(job) ?? job.budget;",
    replace: "const { budget } = job;",
  },
  {
    defect: "a job that goes on anew forgets what its last step cost",
    file: "core/engine/live-pass.ts",
    find: "const job = folded(tenure.job, happened, services.now());",
    replace: "const { job } = tenure;",
  },
  {
    defect: "a job goes on as one that is not made",
    file: "core/engine/ending.ts",
    find: `...(how.end === "continued" ? { create: how.as } : {}),`,
    replace: "",
  },
  {
    defect: "a retry pays again for what had been done",
    file: "core/engine/inheritance.ts",
    find: "isFinal(event, given) && !again.has(event.step)",
    replace: "isFinal(event, given) && again.size === 0",
  },
  {
    defect: "a retry fails as its original did",
    file: "core/engine/inheritance.ts",
    find: "return new Set((ending.length > 0 || !failure ? ending : failures).map(({ step }) => step));",
    replace: "return new Set<string>();",
  },
  {
    defect: "a fork looks back on less than it was asked to",
    file: "core/engine/inheritance.ts",
    find: "seq <= upTo",
    replace: "seq < upTo",
  },
  {
    defect: "a fork knows no default of what nobody answered",
    file: "core/engine/run.ts",
    find: "if (found?.ask) operation.ask = found.ask;",
    replace: "",
  },
  {
    defect: "what nobody answers has no default",
    file: "core/engine/run.ts",
    find: "if (ask?.default !== undefined) return { ok: true, value: ask.default };",
    replace: "",
  },
  {
    defect: "anybody may answer anything",
    file: "core/engine/callback.ts",
    find: "if (asked?.ask && !asked.decided) check(asked.ask, answer, by);",
    replace: "",
  },
  {
    defect: "a deadline is over at once",
    file: "core/engine/plan.ts",
    find: "if (isPast(timeoutAt)) return",
    replace: "if (timeoutAt !== undefined) return",
  },
  {
    defect: "tenants have no limit",
    file: "core/engine/concurrency.ts",
    find: "if (Number.isFinite(maxRunningPerTenant)) pools.push",
    replace: "if (!Number.isFinite(maxRunningPerTenant)) pools.push",
  },
  {
    defect: "a slot is not kept",
    file: "core/engine/concurrency.ts",
    find: "await services.sleep(settings.slotMs / 2, over.signal);",
    replace: "await services.sleep(settings.slotMs * 9, over.signal);",
  },
  {
    defect: "a job that finds no slot keeps its worker and tries again",
    file: "core/engine/concurrency.ts",
    find: "const place = placeOf(job);",
    replace: "const place = placeOf(job);\n    await services.sleep(settings.slotMs / 5);",
  },
  {
    defect: "content that is at work is made again",
    file: "core/engine/create.ts",
    find: `if (standing && content?.willDo(standing)) return { end: "shared", job: standing };`,
    replace: "",
  },
  {
    defect: "a result is never too old",
    file: "core/engine/create.ts",
    find: "job.completedAt! > wanted.freshSince",
    replace: "job.completedAt! > 0",
  },
  {
    defect: "a batch says of all its jobs that they have completed",
    file: "core/engine/batch-job.ts",
    find: "completed: error === undefined }",
    replace: "completed: true }",
  },
  {
    defect: "a moment has as many jobs as sweepers come upon it",
    file: "core/engine/schedule.ts",
    find: `const jobId = derivedId(tenant, "schedule", id, ...occasion);`,
    replace: "const jobId = services.newId();",
  },
  {
    defect: "a moment whose job could not be made is passed over",
    file: "core/engine/schedule.ts",
    find: `    if (error instanceof Unavailable) throw error;
    // The next moment`,
    replace: "    // The next moment",
  },
  {
    defect: "a moment does not look whether the job before is at work",
    file: "core/engine/schedule.ts",
    find: `return open && overlap === "skip" ? undefined : submitOnce();`,
    replace: "return submitOnce();",
  },
  {
    defect: "a moment does not wait for the job before",
    file: "core/engine/schedule.ts",
    find: `open && overlap === "queue" ? [open.jobId] : []`,
    replace: "[]",
  },
  {
    defect: "a step has another key for each attempt",
    file: "core/engine/attempt.ts",
    find: "idempotencyKey: idempotencyKey(job, path)",
    replace: `idempotencyKey: idempotencyKey(job, path + attempt)`,
  },
];
