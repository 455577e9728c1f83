import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { type Principal, scopes } from "../../core/keys/keys.ts";
import { inBothWorlds } from "../support/worlds.ts";

inBothWorlds((world, engines) => {
  test("a key opens what it was made for, until it is revoked", async () => {
    const { keys } = world();
    const { id, key } = await keys.create({ tenant: "acme", scopes: ["jobs:read"] });
    expect(key).toMatch(new RegExp(`^ck_${id}_[\\w-]{43}$`));
    expect(await keys.check(key)).toEqual({ tenant: "acme", id, scopes: ["jobs:read"] });
    expect(await keys.revoke(id)).toBe(true);
    expect(await keys.revoke(id)).toBe(false);
    expect(await keys.check(key)).toBeUndefined();
  });

  test("no other secret opens it, and what is not a key opens nothing", async () => {
    const { keys } = world();
    const { id, key } = await keys.create({ tenant: "acme", scopes: ["admin"] });
    const other = await keys.create({ tenant: "other", scopes: ["admin"] });
    const secret = other.key.split("_").slice(2).join("_");
    for (const wrong of [`ck_${id}_${secret}`, `${key}x`, key.slice(0, -1), "", "ck__", `Bearer ${key}`]) {
      expect(await keys.check(wrong)).toBeUndefined();
    }
  });

  test("a key ends at its time", async () => {
    const { keys, clock } = world();
    const expiresAt = clock.at + 1_000;
    const { key, id } = await keys.create({ tenant: "acme", scopes: [], expiresAt });
    expect(await keys.check(key)).toEqual({ tenant: "acme", id, scopes: [], expiresAt });
    clock.at = expiresAt;
    expect(await keys.check(key)).toBeUndefined();
  });

  test("of 50 callers with one ticket, one is let in", async () => {
    const { keys } = world();
    const principal: Principal = { tenant: "acme", id: "k", scopes: ["jobs:read"], expiresAt: 9e15 };
    const { ticket } = await keys.issueTicket(principal, 30);
    const admitted = await Promise.all(Array.from({ length: 50 }, () => keys.redeemTicket(ticket)));
    expect(admitted.filter(Boolean)).toEqual([principal]);
  });

  test("a ticket ends with its life and cannot be guessed", async () => {
    const { keys, clock } = world();
    const { ticket, expiresAt } = await keys.issueTicket({ tenant: "acme", id: "k", scopes: [] }, 30);
    expect(expiresAt).toBe(clock.at + 30_000);
    expect(await keys.redeemTicket(`${ticket}x`)).toBeUndefined();
    clock.at = expiresAt;
    expect(await keys.redeemTicket(ticket)).toBeUndefined();
  });

  test("a session stands for a key until it is closed or over, or the key is revoked", async () => {
    const { keys, clock } = world();
    const { id } = await keys.create({ tenant: "acme", scopes: ["jobs:read"] });
    const principal: Principal = { tenant: "acme", id, scopes: ["jobs:read"] };
    const expiresAt = clock.at + 60_000;
    const open = () => keys.openSession(principal, 60);
    const [{ session, ...told }, closed, late] = [await open(), await open(), await open()];

    expect(told).toEqual({ expiresAt });
    expect(await keys.checkSession(session)).toEqual({ ...principal, expiresAt });
    expect(await keys.checkSession(`${session}x`)).toBeUndefined();
    await keys.closeSession(closed.session);
    expect(await keys.checkSession(closed.session)).toBeUndefined();
    expect(await keys.checkSession(session)).toBeDefined();
    await keys.revoke(id);
    expect(await keys.checkSession(session)).toBeUndefined();
    clock.at = expiresAt;
    expect(await keys.checkSession(late.session)).toBeUndefined();
  });

  test("a session ends with the key or token that it stands for, at the latest", async () => {
    const { keys, clock } = world();
    const soon = clock.at + 5_000;
    const { id } = await keys.create({ tenant: "acme", scopes: [], expiresAt: soon });
    for (const holder of [id, "somebody@login.test"]) {
      const { session, expiresAt } = await keys.openSession(
        { tenant: "acme", id: holder, scopes: [], expiresAt: soon },
        60,
      );
      expect(expiresAt).toBe(soon);
      expect(await keys.checkSession(session)).toMatchObject({ id: holder, expiresAt: soon });
      clock.at = soon;
      expect(await keys.checkSession(session)).toBeUndefined();
      clock.at = soon - 5_000;
    }
  });

  if (engines)
    test("the table holds no secret", async () => {
      const { keys } = world();
      const { key } = await keys.create({ tenant: "acme", scopes: ["admin"] });
      const { ticket } = await keys.issueTicket({ tenant: "acme", id: "k", scopes: [] }, 30);
      const { session } = await keys.openSession({ tenant: "acme", id: "k", scopes: [] }, 30);
      for await (const item of engines().dynamo.items("contracts")) {
        expect(JSON.stringify(item)).not.toContain(key.split("_").slice(2).join("_"));
        expect(JSON.stringify(item)).not.toContain(ticket);
        expect(JSON.stringify(item)).not.toContain(session);
      }
    });

  if (engines)
    test("the command makes a key that works and revokes it", async () => {
      const run = (...args: string[]) =>
        promisify(execFile)(process.execPath, [
          "client/cli/main.ts",
          ...["keys", ...args],
          ...["--table", "contracts"],
        ]);
      const { stdout } = await run("create", "--tenant", "acme", "--scopes", "jobs:read,jobs:write");
      const { keys } = world();
      const principal = await keys.check(stdout.trim());
      expect(principal).toMatchObject({ tenant: "acme", scopes: ["jobs:read", "jobs:write"] });
      await run("revoke", principal!.id);
      expect(await keys.check(stdout.trim())).toBeUndefined();
      await expect(run("create", "--tenant", "a#b")).rejects.toThrow("A tenant is 1 to 64 letters");
      await expect(run("create", "--tenant", "a", "--scopes", "root")).rejects.toThrow(scopes.join(", "));
    });
});
