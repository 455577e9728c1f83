import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { inBothWorlds } from "../support/worlds.ts";

inBothWorlds((world, engines) => {
  test("a wake-up call arrives in its own lane and carries nothing but ids", async () => {
    const { queue, receive } = world();
    await queue.send("high", { tenant: "acme", jobId: "j-1", input: "secret" } as {
      tenant: string;
      jobId: string;
    });
    expect(receive("normal")).toEqual([]);
    expect(await eventually(() => receive("high")[0])).toEqual({ tenant: "acme", jobId: "j-1" });
  });

  test("a delayed call is not there before its time", async () => {
    const { queue, receive, clock } = world();
    await queue.send("low", { tenant: "acme", jobId: "late" }, 1);
    expect(receive("low")).toEqual([]);
    clock.at += 1_000;
    expect(await eventually(() => receive("low")[0])).toEqual({ tenant: "acme", jobId: "late" });
  });

  test("every lane says how long it is, and what is not ready before its time [A3-14]", async () => {
    const { queue, receive } = world();
    while (receive("low").length > 0);
    const before = await queue.lengths();
    await queue.send("low", { tenant: "acme", jobId: "now" });
    await queue.send("low", { tenant: "acme", jobId: "later" }, 900);
    await eventually(async () => {
      const { high, low } = await queue.lengths();
      expect(high).toEqual(before.high);
      expect([low.ready - before.low.ready, low.delayed - before.low.delayed]).toEqual([1, 1]);
      return true;
    });
  });

  test.each([-1, 0.5, 901, Number.NaN])("a delay of %d seconds is refused", async (seconds) => {
    const { queue } = world();
    await expect(queue.send("normal", { tenant: "acme", jobId: "j" }, seconds)).rejects.toThrow(RangeError);
  });

  test("a tenant whose name SQS would not take as a message group still gets its call", async () => {
    const { queue, receive } = world();
    const job = { tenant: "müller & söhne ".repeat(20), jobId: "j-2" };
    await queue.send("normal", job);
    expect(await eventually(() => receive("normal")[0])).toEqual(job);
  });

  if (engines)
    test("calls are grouped by tenant, so that SQS can be fair", async () => {
      await world().queue.send("normal", { tenant: "acme", jobId: "j-3" });
      const [message] = await eventually(() => {
        const received = engines().queues.queue("contracts-normal").receive(1, 600);
        return received.length > 0 && received;
      });
      expect(message?.attributes.MessageGroupId).toBe("acme");
    });
});
