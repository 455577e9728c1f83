import type { Command } from "commander";
import { InvalidRequest } from "../../core/protocol/error.ts";
import type { Session } from "./command.ts";
import { startedHere } from "./endpoint.ts";

/** Where a deployment keeps everything, when it is not what `npm start` has left here. */
export type Where = { table?: string; bucket?: string; endpoint?: string };

export function withTable(command: Command): Command {
  return command
    .option("--table <name>", "of a deployment (TABLE_NAME); without it that of the service here")
    .option("--bucket <name>", "of a deployment (BUCKET_NAME)")
    .option("--endpoint <url>", "of DynamoDB, when it is not AWS's own");
}

/**
 * The tables themselves, reached with the AWS credentials of the shell: for what no key can ask of the API. This is the
 * service's own code, loaded when it is asked for: it takes a clone of the repository.
 * @throws InvalidRequest when nothing says which table.
 */
export async function operatorServices({ terminal }: Session, { table, bucket, endpoint }: Where) {
  const [{ tableServices }, { env, settingsOf }, { sleep }, { latePayloads }, { uuidv7 }] = await Promise.all(
    [
      import("../../core/aws-services.ts"),
      import("../../core/config.ts"),
      import("../../core/sleep.ts"),
      import("../../core/api-services.ts"),
      import("uuidv7"),
    ],
  );
  const isNamed = (table ?? terminal.environment[env.table]) !== undefined;
  const here = isNamed ? undefined : startedHere(terminal.directory)?.environment;
  // Where AWS's clients look for addresses and credentials.
  Object.assign(process.env, here);
  const environment = { ...terminal.environment, ...here };
  const name = table ?? environment[env.table];
  if (!name) throw new InvalidRequest(`Which table? Run \`npm start\`, or give --table, or set ${env.table}`);
  const around = {
    settings: settingsOf(environment),
    now: Date.now,
    random: Math.random,
    sleep,
    newId: uuidv7,
  };
  const payloads = latePayloads(bucket ?? environment[env.bucket] ?? "");
  return { ...tableServices(name, around, endpoint), ...around, payloads };
}
