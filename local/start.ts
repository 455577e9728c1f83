import { writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { localScheduleScale } from "../core/config.ts";
import { type Cloud, startCloud } from "./cloud.ts";
import { endpointOf } from "./endpoint.ts";
import { synthesize } from "./synthesize.ts";

const usage = `npm start -- [options]

  --port <number>     where it listens, 0 for any free port (4000)
  --data <directory>  where everything is kept (.convoke)
  --memory            keep nothing
  --context <n=v>     a setting of the stack, as in docs/deploying.md; may be repeated
  --aws-limits        AWS's own poll rates and delays instead of this machine's best
  --verbose           show what the functions log`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "4000" },
      data: { type: "string", default: ".convoke" },
      memory: { type: "boolean", default: false },
      context: { type: "string", short: "c", multiple: true, default: [] },
      "aws-limits": { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port} is no port`);
  const context = Object.fromEntries(
    values.context.map((setting) => {
      const [, name, value] = /^(\w+)=(.*)$/s.exec(setting) ?? [];
      if (name === undefined || value === undefined)
        throw new Error(`--context ${setting} is not name=value`);
      return [name, value] as const;
    }),
  );
  return { ...values, port, context };
}

const since = (startedAt: number) => `${((performance.now() - startedAt) / 1000).toFixed(2)} s`;

async function main(): Promise<void> {
  const options = readArguments();
  if (options.help) return console.log(usage);
  // The data holds keys and whatever people ask.
  process.umask(0o077);

  await useProfile();

  const synthesisAt = performance.now();
  const assembly = await synthesize(options.context);
  console.log(`template and bundles: ${relative(process.cwd(), assembly)} (${since(synthesisAt)})`);

  const bootAt = performance.now();
  const dataDirectory = options.memory ? undefined : resolve(options.data);
  const cloud = await startCloud({
    assembly,
    ...(dataDirectory ? { dataDirectory } : {}),
    port: options.port,
    awsLimits: options["aws-limits"],
    scheduleScale: localScheduleScale,
    verbose: options.verbose,
    print: console.log,
  });
  stopOnSignals(cloud);

  const ready = { http: cloud.http, ws: cloud.ws, key: await firstKey(cloud) };
  console.log(
    `engines, gateway, ${cloud.template.of("AWS::Lambda::Function").length} functions (${since(bootAt)})`,
  );
  if (dataDirectory) {
    console.log(
      `data: ${relative(process.cwd(), dataDirectory) || "."}, functions' logs in functions.log there`,
    );
    const endpoint = endpointOf(cloud, ready.key);
    writeFileSync(join(dataDirectory, "endpoint.json"), `${JSON.stringify(endpoint)}\n`);
  }
  // What follows the # goes to no server and into no log; the page takes it out of its address.
  console.log(`console: ${cloud.http}/#key=${ready.key}`);
  console.log(`ready ${JSON.stringify(ready)}`);
}

/** Functions are given keys, as on AWS; a profile is of the person who starts them. */
async function useProfile(): Promise<void> {
  if (!process.env.AWS_PROFILE || process.env.AWS_ACCESS_KEY_ID) return;
  const { DynamoDBClient } = await import("@aws-sdk/client-dynamodb");
  const { credentials } = new DynamoDBClient({ region: "us-east-1" }).config;
  const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(sessionToken ? { AWS_SESSION_TOKEN: sessionToken } : {}),
  });
}

/** Made at the first start and kept with the data, so that a restart invalidates nothing. */
async function firstKey(cloud: Cloud): Promise<string> {
  const kept = cloud.state.get("key");
  if (kept) return kept;
  // The SDK takes a while to load, and is needed once in the life of a data directory.
  const { createKey } = await import("./keys.ts");
  const key = await createKey(cloud, { tenant: "default" });
  cloud.state.set("key", key);
  return key;
}

function stopOnSignals(cloud: Cloud): void {
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, async () => {
      // Whoever asks twice is in a hurry; what this process started ends with it.
      if (stopping) process.exit(1);
      stopping = true;
      await cloud.stop();
      process.exit(0);
    });
  }
}

main().catch((error: NodeJS.ErrnoException) => {
  const taken =
    error.code === "EADDRINUSE" && "that port is in use; choose another with --port, 0 for any free one";
  console.error(taken || error.message);
  process.exit(1);
});
