import { createHmac, timingSafeEqual } from "node:crypto";
import { listOf, env as names } from "./config.ts";
import { once } from "./once.ts";
import { readParameter } from "./parameter.ts";
import { InvalidRequest, Unavailable } from "./protocol/error.ts";
import type { Millis } from "./protocol/json.ts";

/**
 * Secrets of this deployment's own, the newest first: what was signed with an older one still counts. None, where it has
 * not been given any.
 */
export type SigningSecrets = () => Promise<string[]>;

const fewestCharacters = 32;

/** From the environment, for a laptop, or else from an SSM SecureString. @throws Unavailable when that cannot be read. */
export function signingSecrets(environment: NodeJS.ProcessEnv): SigningSecrets {
  const parameter = environment[names.signingSecretParameter];
  const local = environment[names.signingSecret];
  return once(async () => {
    if (local || !parameter) return long(listOf(local));
    return long(
      listOf(
        await readParameter(parameter).catch((error: unknown) => {
          throw new Unavailable(`The signing secret in ${parameter} could not be read`, { cause: error });
        }),
      ),
    );
  });
}

function long(secrets: string[]): string[] {
  if (secrets.some((secret) => secret.length < fewestCharacters))
    throw new Error(`A signing secret has at least ${fewestCharacters} characters`);
  return secrets;
}

/** Each purpose has a key of its own, so that nothing that is signed for one can be used for another. */
function keyFor(secret: string, purpose: string): Buffer {
  return createHmac("sha256", secret).update(purpose).digest();
}

async function newest(secrets: SigningSecrets): Promise<string> {
  const [first] = await secrets();
  if (first) return first;
  throw new InvalidRequest(
    `This deployment signs nothing: it has no ${names.signingSecret} (docs/deploying.md says how to set it)`,
  );
}

/** What is told of by a callback address. */
export type SignedCallback = { tenant: string; callbackId: string };

/**
 * Lets whoever has it answer one callback, until then, without a key of ours.
 * @throws InvalidRequest in a deployment that has no secret; Unavailable.
 */
export async function callbackToken(
  secrets: SigningSecrets,
  { tenant, callbackId }: SignedCallback,
  expiresAt: Millis,
): Promise<string> {
  const said = Buffer.from(JSON.stringify([tenant, callbackId, expiresAt])).toString("base64url");
  return `${said}.${signature(await newest(secrets), said).toString("base64url")}`;
}

/** @returns undefined for what this deployment has not signed, or no longer stands by. */
export async function readCallbackToken(
  secrets: SigningSecrets,
  token: string,
  now: Millis,
): Promise<SignedCallback | undefined> {
  const [said = "", signed = ""] = token.split(".");
  const given = Buffer.from(signed, "base64url");
  const isOurs = (await secrets()).some((secret) => {
    const right = signature(secret, said);
    return right.length === given.length && timingSafeEqual(right, given);
  });
  if (!isOurs) return undefined;
  const parts = JSON.parse(Buffer.from(said, "base64url").toString()) as [string, string, Millis];
  const [tenant, callbackId, expiresAt] = parts;
  return expiresAt > now ? { tenant, callbackId } : undefined;
}

function signature(secret: string, said: string): Buffer {
  return createHmac("sha256", keyFor(secret, "callback")).update(said).digest();
}

/**
 * What a tenant checks its webhooks with, the newest first, in the form of Standard Webhooks. It follows from the
 * deployment's secret, so it is kept nowhere.
 * @throws InvalidRequest in a deployment that has no secret; Unavailable.
 */
export async function webhookSecrets(secrets: SigningSecrets, tenant: string): Promise<string[]> {
  await newest(secrets);
  return (await secrets()).map(
    (secret) => `whsec_${createHmac("sha256", keyFor(secret, "webhook")).update(tenant).digest("base64")}`,
  );
}
