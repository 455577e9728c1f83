import type { Answer, BatchResult, Branch, JobFunction, SharedContext, StepConfig } from "./vocabulary.ts";

export const once: StepConfig = { retryStrategy: () => ({ shouldRetry: false }) };
const patient: StepConfig = {
  retryStrategy: (_error, attempt) =>
    attempt < 4 ? { shouldRetry: true, delay: { minutes: attempt } } : { shouldRetry: false },
};

const soon: StepConfig = { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 2 } }) };

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** A batch in words that both sides share: the errors are of classes of their own. */
export function shown(batch: BatchResult<unknown>) {
  const { completionReason, status, hasFailure, successCount, failureCount, startedCount, totalCount } =
    batch;
  return {
    all: batch.all.map((item) => [item.index, item.status, item.result ?? null, item.error?.message ?? null]),
    counts: [successCount, failureCount, startedCount, totalCount],
    views: [batch.succeeded(), batch.failed(), batch.started()].map((view) => view.map(({ index }) => index)),
    results: batch.getResults(),
    errors: batch.getErrors().map(messageOf),
    completionReason,
    status,
    hasFailure,
  };
}

/** A branch that answers, or fails, after some time. */
export function after(seconds: number, name: string, fails = false): Branch<string> {
  return {
    name,
    func: async (ctx) => {
      await ctx.wait("pause", { seconds });
      return ctx.step(
        "answer",
        async () => {
          if (fails) throw new Error(`${name} is broken`);
          return name;
        },
        once,
      );
    },
  };
}

/** Each is run as it stands under AWS's SDK and under ours. The name says what it is about. */
export const jobs: Record<string, JobFunction> = {
  "steps in a loop share a name and are told apart": async (ctx, { did }) => {
    let sum = 0;
    for (let round = 1; round <= 4; round += 1) {
      sum += await ctx.step("read", async () => {
        did(`read ${round}`);
        return round * 10;
      });
      if (sum > 50) await ctx.wait("rest", { minutes: 5 });
    }
    return sum;
  },

  "a loop whose end depends on what its steps say": async (ctx, { did }) => {
    const seen: number[] = [];
    let cursor: number | null = 0;
    while (cursor !== null) {
      const at: number = cursor;
      const page: { items: number[]; next: number | null } = await ctx.step("page", async () => {
        did(`page ${at}`);
        return { items: [at, at + 1], next: at < 4 ? at + 2 : null };
      });
      seen.push(...page.items);
      cursor = page.next;
    }
    return seen;
  },

  "scopes within scopes, with the same names inside": async (ctx, { did }) => {
    const inner = (where: string) => async (child: SharedContext) => {
      const first = await child.step("draft", async () => {
        did(`${where} draft`);
        return where.length;
      });
      await child.wait("rest", { seconds: 30 });
      return first + (await child.step("draft", async () => 1));
    };
    const left = await ctx.runInChildContext("left", inner("left"));
    const both = await ctx.runInChildContext("both", async (child) => [
      await child.runInChildContext("left", inner("nested left")),
      await child.runInChildContext("left", inner("nested left again")),
    ]);
    return { left, both, outside: await ctx.step("draft", async () => "outside") };
  },

  "a step that fails twice is tried again, later and later": async (ctx, { did }) =>
    ctx.step(
      "flaky",
      async ({ attempt }) => {
        did(`attempt ${attempt}`);
        if (attempt < 3) throw new Error(`not yet (${attempt})`);
        return attempt;
      },
      patient,
    ),

  "a step that fails for good is caught, and the job goes on": async (ctx, { did }) => {
    try {
      await ctx.step(
        "charge",
        async ({ attempt }) => {
          did(`charge ${attempt}`);
          throw new TypeError(`card ${attempt} is no card`);
        },
        patient,
      );
    } catch (error) {
      const { name, message, cause } = error as Error;
      const { name: causeName, message: causeMessage } = cause as Error;
      return ctx.step("apologize", async () => [name, message, causeName, causeMessage]);
    }
    return "not reached";
  },

  "a failure that nobody catches is the end of the job": async (ctx) => {
    await ctx.step("fine", async () => "fine");
    await ctx.step(
      "broken",
      async () => {
        throw new RangeError("out of range");
      },
      once,
    );
  },

  "an error of the job function itself is the end of the job": async (ctx) => {
    const answer = await ctx.step<{ text?: string }>("ask", async () => ({}));
    if (!answer.text) throw new Error("the answer has no text");
    return answer.text;
  },

  "a failed booking is undone in reverse": async (ctx, { did }) => {
    const undo: string[] = [];
    try {
      for (const what of ["flight", "hotel", "car"]) {
        await ctx.step(
          `book ${what}`,
          async () => {
            did(`book ${what}`);
            if (what === "car") throw new Error("no cars left");
          },
          once,
        );
        undo.unshift(what);
      }
    } catch (error) {
      for (const what of undo) await ctx.step(`cancel ${what}`, async () => did(`cancel ${what}`));
      return { undone: undo, because: messageOf(error) };
    }
    return "booked";
  },

  "waits of seconds and of days, one after the other and side by side": async (ctx, { did }) => {
    await ctx.wait("a moment", { seconds: 1 });
    await ctx.step("first", async () => did("first"));
    await Promise.all([ctx.wait("one night", { hours: 8 }), ctx.wait("the same night", { hours: 8 })]);
    await ctx.wait("weekend", { days: 2 });
    return ctx.step("last", async () => did("last"));
  },

  "what is begun together is awaited later": async (ctx, { did }) => {
    const slow = ctx.step("slow", async () => {
      did("slow");
      return "slow";
    });
    const deadline = ctx.wait("deadline", { minutes: 10 });
    const quick = await ctx.step("quick", async () => {
      did("quick");
      return "quick";
    });
    await deadline;
    return [quick, await slow];
  },

  "combinators: all, allSettled, any, and what they reject with": async (ctx) => {
    const good = (name: string) => ctx.step(name, async () => name);
    const bad = (name: string) =>
      ctx.step(
        name,
        async () => {
          throw new Error(`${name} failed`);
        },
        once,
      );
    const rejection = (promise: Promise<unknown>) => promise.then(() => "resolved", messageOf);
    return {
      all: await ctx.promise.all("all", [good("a1"), good("a2")]),
      allRejects: await rejection(ctx.promise.all("all rejects", [good("b1"), bad("b2")])),
      settled: (await ctx.promise.allSettled("settled", [good("c1"), bad("c2")])).map((one) =>
        one.status === "fulfilled" ? one.value : messageOf(one.reason),
      ),
      any: await ctx.promise.any("any", [bad("d1"), good("d2")]),
      anyRejects: await rejection(ctx.promise.any("any rejects", [bad("e1"), bad("e2")])),
    };
  },

  "branches side by side, with and without names": async (ctx, { did }) => {
    const work = (name: string) => async (branch: SharedContext) =>
      branch.step("work", async () => {
        did(name);
        return name;
      });
    const batch = await ctx.parallel<string>("stage", [
      work("one"),
      { name: "two", func: work("two") },
      { func: work("three") },
      { name: "two", func: work("two again") },
    ]);
    batch.throwIfError();
    return shown(batch);
  },

  "tolerated failures are values": async (ctx) =>
    shown(
      await ctx.parallel("stage", [after(1, "a"), after(2, "b", true), after(3, "c", true), after(4, "d")], {
        completionConfig: { toleratedFailureCount: 2 },
      }),
    ),

  "a percentage of failures is tolerated": async (ctx) => {
    const ask = async (seats: number, toleratedFailurePercentage: number) =>
      shown(
        await ctx.map(
          "members",
          [...Array(seats).keys()],
          async (member, seat) =>
            member.step(
              "answer",
              async () => {
                if (seat % 2 === 1) throw new Error(`seat ${seat} is empty`);
                return seat;
              },
              once,
            ),
          { completionConfig: { toleratedFailurePercentage } },
        ),
      );
    return [await ask(4, 50), await ask(4, 49)];
  },

  "fewer successes than wanted: all is waited for": async (ctx) =>
    shown(
      await ctx.parallel("stage", [after(1, "a", true), after(2, "b")], {
        completionConfig: { minSuccessful: 2 },
      }),
    ),

  "as many successes as there are branches": async (ctx) =>
    shown(
      await ctx.parallel("stage", [after(1, "a"), after(2, "b")], { completionConfig: { minSuccessful: 2 } }),
    ),

  "what has not begun when a batch ends never does": async (ctx, { did }) =>
    shown(
      await ctx.map(
        "items",
        [1, 2, 3, 4],
        async (scope, item) =>
          scope.step(
            "work",
            async () => {
              did(`item ${item}`);
              if (item === 2) throw new Error("two is too many");
              return item;
            },
            once,
          ),
        { maxConcurrency: 1 },
      ),
    ),

  "empty batches": async (ctx) => [
    shown(await ctx.parallel("nobody", [])),
    shown(await ctx.map("nothing", [], async () => 1, { completionConfig: { minSuccessful: 1 } })),
  ],

  "batches within batches": async (ctx) => {
    const outer = await ctx.map("groups", [1, 2], async (group, size) => {
      const inner = await group.map(
        "members",
        Array(size).fill(size) as number[],
        async (member, value, index) => member.step("vote", async () => value * 10 + index),
      );
      return inner.getResults();
    });
    return outer.getResults();
  },

  "a failure deep inside reaches the job through every scope": async (ctx) => {
    const batch = await ctx.parallel("stage", [
      (branch) =>
        branch.runInChildContext("deep", (deep) =>
          deep.step(
            "work",
            async () => {
              throw new Error("deep trouble");
            },
            once,
          ),
        ),
    ]);
    batch.throwIfError();
  },

  "a decision of one's own ends the batch": async (ctx) => {
    const quorum = (outcome: "SUCCEEDED" | "FAILED") =>
      ctx.parallel(`${outcome} stage`, [after(1, "a"), after(2, "b"), after(3, "c")], {
        maxConcurrency: 1,
        completionConfig: {
          shouldComplete: ({ items, successCount, completedCount, totalCount }) =>
            items[1]?.status === "SUCCEEDED" && successCount === completedCount && totalCount === 3
              ? { complete: true, outcome: outcome as never }
              : { complete: false },
        },
      });
    const failed = await quorum("FAILED");
    const thrown = (() => {
      try {
        failed.throwIfError();
        return "nothing";
      } catch (error) {
        return messageOf(error);
      }
    })();
    return [shown(await quorum("SUCCEEDED")), shown(failed), thrown];
  },

  "a condition is checked until it holds, each time with what the last check returned": async (
    ctx,
    { did },
  ) =>
    ctx.waitForCondition(
      "ready",
      async (state: { seen: number[] }, { attempt }) => {
        did(`check ${attempt} after ${state.seen.length}`);
        return { seen: [...state.seen, attempt] };
      },
      {
        initialState: { seen: [] },
        waitStrategy: ({ seen }, attempt) =>
          seen.length < 4 ? { shouldContinue: true, delay: { minutes: attempt } } : { shouldContinue: false },
      },
    ),

  // At the first check in both: when a later one fails within the same invocation, 2.4.0 of AWS's SDK records the
  // failure twice and its own runner refuses that.
  "a check that throws is not made again": async (ctx, { did }) => {
    const check = async (): Promise<number> => {
      did("check");
      throw new RangeError("out of range");
    };
    try {
      return await ctx.waitForCondition("ready", check, {
        initialState: 1,
        waitStrategy: () => ({ shouldContinue: true, delay: { hours: 1 } }),
      });
    } catch (error) {
      return [(error as Error).name, messageOf(error), ((error as Error).cause as Error).name];
    }
  },

  "a wait strategy that gives up": async (ctx) => {
    await ctx.waitForCondition("ready", async (state) => state + 1, {
      initialState: 0,
      waitStrategy: (state, attempt) => {
        throw new Error(`given up at ${state} after ${attempt}`);
      },
    });
  },

  "a submitter that fails for good": async (ctx, { did }) =>
    ctx
      .waitForCallback(
        "approval",
        async () => {
          did("ask");
          throw new Error("nobody there");
        },
        { timeout: { days: 1 }, ...once },
      )
      .catch(messageOf),

  "a callback that nobody waits for": async (ctx) => {
    const [, id] = await ctx.createCallback<string>("unused");
    return ctx.step("end", async () => typeof id);
  },

  "results are what JSON makes of them": async (ctx) => {
    const made = await ctx.step("make", async () => ({
      at: new Date(0) as unknown,
      gone: undefined,
      list: [1, undefined, Number.NaN],
    }));
    return { at: typeof made.at, has: "gone" in made, list: made.list };
  },
};

/** The order in which time runs out decides these, so that nobody may skip it. */
export const timedJobs: Record<string, JobFunction> = {
  "a race between two waits: the longer one is left behind": async (ctx) => {
    const wait = async (name: string, seconds: number) => {
      await ctx.wait(name, { seconds });
      return name;
    };
    const winner = await ctx.promise.race("first", [wait("tortoise", 60), wait("hare", 1)]);
    return ctx.step("crown", async () => `${winner} wins`);
  },

  "a race between a step and its deadline": async (ctx, { sleep }) => {
    const late = ctx.wait("deadline", { seconds: 2 }).then(() => "too late");
    const work = ctx.step("work", async () => {
      await sleep(200);
      return "in time";
    });
    return ctx.promise.race("either", [work, late]);
  },

  "without a condition the first failed branch ends the batch": async (ctx) => {
    const batch = await ctx.parallel("stage", [after(1, "quick"), after(2, "bad", true), after(60, "slow")]);
    try {
      batch.throwIfError();
    } catch (error) {
      return { ...shown(batch), thrown: messageOf(error) };
    }
    return shown(batch);
  },

  "one failure more than tolerated": async (ctx) =>
    shown(
      await ctx.parallel("stage", [after(1, "a", true), after(2, "b", true), after(3, "c")], {
        completionConfig: { toleratedFailureCount: 1 },
      }),
    ),

  "enough successes end the batch": async (ctx) => {
    const batch = await ctx.map(
      "models",
      [60, 1, 2, 61],
      async (model, seconds) => {
        await model.wait("think", { seconds });
        return model.step("answer", async () => seconds);
      },
      { completionConfig: { minSuccessful: 2 } },
    );
    await ctx.wait("a while", { seconds: 3 });
    return shown(batch);
  },

  "a branch that is not waited for begins nothing more": async (ctx, { did }) => {
    const slow = async (branch: SharedContext) => {
      await branch.wait("think", { seconds: 60 });
      did("never");
      return branch.step("never", async () => "never");
    };
    const batch = await ctx.parallel("stage", [slow, after(1, "quick")], {
      completionConfig: { minSuccessful: 1 },
    });
    return shown(batch);
  },

  "no more branches at a time than allowed": async (ctx, { did, sleep }) => {
    let running = 0;
    const batch = await ctx.map(
      "items",
      ["a", "b", "c", "d", "e"],
      async (scope, item, index, items) =>
        scope.step("work", async () => {
          running += 1;
          did(`${item} of ${items.length} beside ${running - 1}`);
          await sleep(300 * (index + 1));
          running -= 1;
          return item.toUpperCase();
        }),
      { maxConcurrency: 2, itemNamer: (item) => `item ${item}` },
    );
    return shown(batch);
  },

  "a callback that nobody answers in time": async (ctx) => {
    const [silence] = await ctx.createCallback<string>("silence", { heartbeatTimeout: { seconds: 1 } });
    return Promise.all([
      ctx.waitForCallback<string>("approval", async () => {}, { timeout: { seconds: 1 } }).catch(messageOf),
      silence.then(
        () => "answered",
        () => "not answered",
      ),
    ]);
  },

  "a retry in one branch holds up no other": async (ctx, { did }) => {
    const batch = await ctx.parallel<string>("stage", [
      (branch) =>
        branch.step(
          "flaky",
          async ({ attempt }) => {
            did(`flaky ${attempt}`);
            if (attempt === 1) throw new Error("not yet");
            return `attempt ${attempt}`;
          },
          soon,
        ),
      async (branch) => {
        await branch.wait("nap", { seconds: 1 });
        return branch.step("steady", async () => {
          did("steady");
          return "steady";
        });
      },
    ]);
    return shown(batch);
  },
};

type AnsweredJob = { job: JobFunction; answers: Answer[] };

/** Each waits for somebody outside, who answers in this order. */
export const answeredJobs: Record<string, AnsweredJob> = {
  "a callback that is answered": {
    job: async (ctx, { did }) => {
      const answer = await ctx.waitForCallback<string>("approval", async (id) => did(`ask ${typeof id}`));
      return ctx.step("use", async () => `answer: ${answer}`);
    },
    answers: [{ callback: "approval", result: "yes" }],
  },

  "a callback that is answered with a failure": {
    job: async (ctx, { did }) => {
      try {
        const [answer] = await ctx.createCallback<string>("approval");
        await ctx.step("ask", async () => did("ask"));
        return await answer;
      } catch (error) {
        return [messageOf(error), ((error as Error).cause as Error).name];
      }
    },
    answers: [{ callback: "approval", error: "over my dead body" }],
  },

  "a refusal that nobody catches is the end of the job": {
    job: async (ctx) => {
      await ctx.waitForCallback<string>("approval", async () => {});
    },
    answers: [{ callback: "approval", error: "no" }],
  },

  "a submitter that is tried again": {
    job: async (ctx, { did }) => {
      return ctx.waitForCallback<string>(
        "approval",
        async () => {
          if (did("ask") < 3) throw new Error("line is busy");
        },
        patient,
      );
    },
    answers: [{ callback: "approval", result: "at last" }],
  },

  "two callbacks, answered the other way round": {
    job: async (ctx, { did }) => {
      const [first] = await ctx.createCallback<string>("first");
      const [second] = await ctx.createCallback<string>("second");
      await ctx.step("work", async () => did("work"));
      return ctx.promise.all("both", [first, second]);
    },
    answers: [
      { callback: "second", result: "2" },
      { callback: "first", result: "1" },
    ],
  },

  "an answer that is read by its own rules": {
    job: async (ctx) =>
      ctx.waitForCallback<number[]>("numbers", async () => {}, {
        serdes: { deserialize: async (text) => (text ?? "").split(",").map(Number) },
      }),
    answers: [{ callback: "numbers", result: "1,2,3" }],
  },

  "an approval for each item of a map": {
    job: async (ctx, { did }) => {
      const batch = await ctx.map(
        "orders",
        ["a", "b"],
        async (order, item) => {
          const answer = await order.waitForCallback<string>(`approve ${item}`, async () =>
            did(`ask for ${item}`),
          );
          return order.step("ship", async () => `${item} ${answer}`);
        },
        { completionConfig: { toleratedFailureCount: 1 } },
      );
      return shown(batch);
    },
    answers: [
      { callback: "approve b", error: "b is out of stock" },
      { callback: "approve a", result: "shipped" },
    ],
  },
};
