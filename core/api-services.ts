import { connection, sweeperServices } from "./aws-services.ts";
import { env, required } from "./config.ts";
import { deploymentOf } from "./models/deployment.ts";
import { once } from "./once.ts";
import type { Payloads } from "./payloads/payloads.ts";
import type { Services, WorkersOwn } from "./services.ts";
import { signingSecrets } from "./signing.ts";

/** What the api uses. In a module of its own, so that the functions that need less do not carry S3 along. */
export function apiServices(environment: NodeJS.ProcessEnv): Omit<Services, "sockets" | WorkersOwn> {
  return {
    ...sweeperServices(environment),
    payloads: latePayloads(required(environment, env.bucket)),
    deployment: deploymentOf(environment),
    signing: signingSecrets(environment),
  };
}

/** Most values are small enough for the journal, so S3 is loaded at its first use. */
export function latePayloads(bucket: string): Payloads {
  const load = once(async () => {
    const [{ S3Client }, { s3Payloads }] = await Promise.all([
      import("@aws-sdk/client-s3"),
      import("./payloads/s3.ts"),
    ]);
    // 50 MB take a small function seconds.
    const requestHandler = { ...connection.requestHandler, requestTimeout: 30_000 };
    return s3Payloads(new S3Client({ ...connection, requestHandler }), bucket);
  });
  return {
    put: async (job, content, kind) => (await load()).put(job, content, kind),
    get: async (ref) => (await load()).get(ref),
    copy: async (ref, job) => (await load()).copy(ref, job),
    readingLink: async (ref, seconds) => (await load()).readingLink(ref, seconds),
    uploadLink: async (ref, seconds) => (await load()).uploadLink(ref, seconds),
  };
}
