import { Command } from "commander";
import { tableServices } from "../aws-services.ts";
import { env, settingsOf } from "../config.ts";
import { sleep } from "../sleep.ts";
import { idPattern } from "./authenticate.ts";
import { type Scope, scopes } from "./keys.ts";

const program = new Command("keys").description("Makes and revokes API keys in a deployment's table.");

/** The table is reached with whatever AWS credentials and region the shell has. */
function keysOf({ table, endpoint }: { table?: string; endpoint?: string }) {
  const name = table ?? process.env[env.table];
  if (!name) return program.error(`Name the table: --table <name>, or ${env.table} in the environment`);
  const around = { settings: settingsOf(process.env), now: Date.now, random: Math.random, sleep };
  return tableServices(name, around, endpoint).keys;
}

function parseTenant(value: string): string {
  if (idPattern.test(value)) return value;
  return program.error(`A tenant is 1 to 64 letters, digits, - and _, not "${value}"`);
}

function parseScopes(value: string): Scope[] {
  return value.split(",").map((name) => {
    const scope = scopes.find((known) => known === name.trim());
    return scope ?? program.error(`No scope "${name.trim()}"; there are ${scopes.join(", ")}`);
  });
}

program
  .command("create")
  .description("Make a key and print it. It is stored nowhere and cannot be shown again.")
  .requiredOption("--tenant <name>", "whose jobs the key opens", parseTenant)
  .option("--scopes <list>", `separated by commas, of ${scopes.join(", ")}`, parseScopes, [...scopes])
  .option("--table <name>", `default: ${env.table} in the environment`)
  .option("--endpoint <url>", "of DynamoDB, when it is not AWS's own")
  .action(async ({ tenant, scopes: granted, ...where }) => {
    const { id, key } = await keysOf(where).create({ tenant, scopes: granted });
    console.error(`Key ${id} of tenant ${tenant}:`);
    console.log(key);
  });

program
  .command("revoke <id>")
  .description("End a key. Functions that know it forget it within a minute.")
  .option("--table <name>", `default: ${env.table} in the environment`)
  .option("--endpoint <url>", "of DynamoDB, when it is not AWS's own")
  .action(async (id: string, where) => {
    await keysOf(where).revoke(id);
    console.error(`Key ${id} is revoked`);
  });

try {
  await program.parseAsync();
} catch (error) {
  program.error(error instanceof Error ? error.message : String(error));
}
