import { InvalidRequest, NotFound } from "../../core/protocol/error.ts";
import { iso } from "../../core/protocol/wire.ts";
import { type Family, given, list, type Session } from "./command.ts";
import { operatorServices, type Where, withTable } from "./operator.ts";

type Creating = Where & { tenant: string; scopes?: string[]; expires?: string };

/** Keys are made by whoever has the table, not by whoever has a key. */
export function keyCommands({ group, act }: Family): void {
  const keys = group("keys", "API keys of a deployment, made with its table");

  withTable(
    keys(
      "create",
      "make a key and print it; it is stored nowhere and cannot be shown again",
      "convoke keys create --tenant acme",
      "convoke keys create --tenant acme --scopes jobs:read --table convoke-Table --expires 2027-01-01T00:00:00Z",
    ),
  )
    .requiredOption("--tenant <name>", "whose jobs the key opens")
    .option("--scopes <list>", "what it may do; without it everything", list)
    .option("--expires <moment>", "when it ends (ISO 8601)")
    .action(
      act(async (session: Session, { tenant, scopes: wanted, expires, ...where }: Creating) => {
        const { idPattern } = await import("../../core/keys/authenticate.ts");
        const { scopes: known } = await import("../../core/keys/keys.ts");
        if (!idPattern.test(tenant))
          throw new InvalidRequest(`A tenant is 1 to 64 letters, digits, - and _, not "${tenant}"`);
        const scopes = (wanted ?? [...known]).map((name) => {
          const scope = known.find((one) => one === name);
          if (scope) return scope;
          throw new InvalidRequest(`No scope "${name}"; there are ${known.join(", ")}`);
        });
        const expiresAt = expires === undefined ? undefined : Date.parse(expires);
        if (Number.isNaN(expiresAt)) throw new InvalidRequest(`--expires ${expires} is no moment`);
        const services = await operatorServices(session, where);
        if (expiresAt !== undefined && expiresAt <= services.now())
          throw new InvalidRequest(`--expires ${expires} has passed`);
        const { id, key } = await services.keys.create({ tenant, scopes, ...given({ expiresAt }) });
        if (!session.json) session.complain(`Key ${id} of tenant ${tenant}:`);
        session.answer({ id, tenant, scopes, key }, key);
        return undefined;
      }),
    );

  withTable(
    keys("list", "list the keys that have not ended; reads the whole table", "convoke keys list"),
  ).action(
    act(async (session: Session, where: Where) => {
      const { liveKeys } = await import("../../core/keys/live-keys.ts");
      const { table, now } = await operatorServices(session, where);
      const found = await liveKeys(table, now());
      session.table(
        found.map(({ id, tenant, scopes, expiresAt }) => ({
          id,
          tenant,
          scopes,
          expires_at: expiresAt === undefined ? null : iso(expiresAt),
        })),
        ["KEY", "TENANT", "ENDS", "MAY"],
        ({ id, tenant, scopes, expires_at }) => [id, tenant, expires_at ?? "never", scopes.join(", ")],
      );
      return undefined;
    }),
  );

  withTable(
    keys(
      "revoke <id>",
      "end a key; functions that know it forget it within a minute",
      "convoke keys revoke 0f3a",
    ),
  ).action(
    act(async (session: Session, id: string, where: Where) => {
      const { keys: store } = await operatorServices(session, where);
      // A mistyped one would leave the key alive that somebody wants to see dead.
      if (!(await store.revoke(id))) throw new NotFound(`No key ${id}`);
      session.answer({ id, revoked: true }, `Key ${id} is revoked.`);
      return undefined;
    }),
  );
}
