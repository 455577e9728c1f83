import { computed, signal } from "@preact/signals";
import { type Convoke, ConvokeError, convoke } from "../client/index.ts";

/** Whose jobs these are, as the service says. */
export type Who = { tenant: string; name: string; scopes: string[]; expires_at: string };

/** `undefined` until the service has said whether this browser is signed in. */
const signedIn = signal<Who | "nobody" | undefined>(undefined);
export const who = computed(() => (typeof signedIn.value === "object" ? signedIn.value : undefined));
export const mustSignIn = computed(() => signedIn.value === "nobody");

/** The last request got no answer from the service. */
export const offline = signal(!navigator.onLine);
addEventListener("offline", () => (offline.value = true));

/** The page holds no key: a cookie that no script can read says who asks. */
export const client: Convoke = convoke({ url: location.origin, fetch: listeningFetch });

async function listeningFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  try {
    const answer = await fetch(input, init);
    // A gateway that has lost what is behind it is as good as no network.
    offline.value = answer.status === 502 || answer.status === 504;
    return answer;
  } catch (error) {
    if (!init?.signal?.aborted) offline.value = true;
    throw error;
  }
}

/** Signs in with the key of the link that `npm start` prints, or goes on with the session that is there. */
export async function arrive(): Promise<void> {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key) {
    // Neither the history nor whoever looks over the shoulder should keep it.
    history.replaceState(null, "", location.pathname + location.search);
    await signIn(key).catch(() => look());
  } else await look();
}

async function look(): Promise<void> {
  try {
    signedIn.value = await session("GET");
  } catch (error) {
    if (error instanceof ConvokeError && error.code !== "unauthorized" && error.code !== "forbidden") {
      setTimeout(look, 2_000);
      return;
    }
    signedIn.value = "nobody";
  }
}

/** @throws ConvokeError `unauthorized` when there is no such key. */
export async function signIn(key: string): Promise<void> {
  signedIn.value = await session("POST", key);
  expired.value = false;
}

export async function signOut(): Promise<void> {
  await session("DELETE").catch(() => {});
  client.close();
  signedIn.value = "nobody";
}

/** Nobody has signed out, and yet nobody is signed in. */
export const expired = signal(false);

/** Somebody else has ended the session: the next click would only fail. */
export function sessionEnded(): void {
  if (who.value) expired.value = true;
  signedIn.value = "nobody";
}

async function session(method: "GET" | "POST" | "DELETE", key?: string): Promise<Who> {
  const answer = await listeningFetch("/api/session", {
    method,
    headers: { "X-Convoke-Session": "1", ...(key ? { authorization: `Bearer ${key}` } : {}) },
  });
  if (answer.ok) return (await answer.json().catch(() => ({}))) as Who;
  const problem = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string };
  const code = problem.code ?? (answer.status === 401 ? "unauthorized" : "unavailable");
  throw new ConvokeError(code, problem.detail ?? "The service does not answer");
}
