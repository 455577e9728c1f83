import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { idempotencyKey } from "../../core/engine/ids.ts";
import { says } from "./openai-server.ts";
import { type ScriptedServer, scriptedServer } from "./scripted-server.ts";

type Request = ScriptedServer["requests"][number];

/** What a council asks a model for. */
export type Part = "answer" | "ranking" | "synthesis" | "title";

export type Asked = { model: string; part: Part; step: string; request: Request };

/** Models of a provider that counts what it is asked, as one that sends bills does. */
export interface CouncilProvider {
  /** What the functions of a cloud have to be given. */
  environment: Record<string, string>;
  asked: Asked[];
  /** Calls that arrived for a step of a job, paid or not: every attempt carries the step's own key. */
  callsFor(job: { tenant: string; jobId: string }, step: string): number;
  /** Every call waits for this before it is answered. */
  delay(until: (asked: Asked) => Promise<unknown>): void;
  /**
   * Keeps calls without an answer from now on.
   * @returns lets them have it, and all later ones.
   */
  hold(held: (asked: Asked) => boolean): () => void;
  close(): Promise<void>;
}

/**
 * A council of three over the wire, in OpenAI's protocol. Whoever is asked the same says the same; who answers first
 * is the same in every run, because each takes its own time.
 */
export async function councilProvider(paceMs: number): Promise<CouncilProvider> {
  const server = await scriptedServer();
  const asked: Asked[] = [];
  let before = async (_: Asked): Promise<unknown> => undefined;
  server.script(async (response, request) => {
    const model = String(request.body.model);
    const part = partOf(request);
    const call: Asked = { model, part, step: stepOf(part, model), request };
    asked.push(call);
    await before(call);
    await sleep(paceMs * (1 + ["titler", "alpha", "beta", "gamma"].indexOf(call.model)));
    if (!response.destroyed) await says([reply(call)])(response, request);
  });
  return {
    environment: {
      OPENAI_BASE_URL: `${server.url}/v1`,
      COUNCIL_MEMBERS: "openai:alpha,openai:beta,openai:gamma",
      COUNCIL_CHAIRMEN: "openai:alpha",
      TITLE_MODEL: "openai:titler",
    },
    asked,
    callsFor(job, step) {
      const key = createHash("sha256").update(idempotencyKey(job, step)).digest("hex");
      return asked.filter(({ request }) => request.headers["idempotency-key"] === key).length;
    },
    delay(until) {
      before = until;
    },
    hold(held) {
      const { promise: released, resolve } = Promise.withResolvers<void>();
      before = async (call) => {
        if (held(call)) await released;
      };
      return resolve;
    },
    close: () => server.close(),
  };
}

/** The prompt of a request as its last message has it. */
export function promptOf({ body }: Request): string {
  return body.messages.at(-1).content;
}

function partOf(request: Request): Part {
  if (request.body.response_format) return "ranking";
  const prompt = promptOf(request);
  if (prompt.startsWith("You chair a council")) return "synthesis";
  return prompt.startsWith("Name the subject") ? "title" : "answer";
}

function stepOf(part: Part, model: string): string {
  const steps = { answer: `stage1/openai:${model}`, ranking: `stage2/openai:${model}`, synthesis: "stage3" };
  return part === "title" ? "title" : steps[part];
}

function reply({ model, part, request }: Asked): string {
  if (part !== "ranking") return `The ${part} of ${model}.`;
  // By what the answers say and not by where they stand: the order in which they are shown differs from job to job.
  const shown = [...promptOf(request).matchAll(/label="(Response [A-Z])">\n(.*)\n/g)];
  const best = shown.toSorted((one, other) => one[2]!.localeCompare(other[2]!));
  const evaluations = best.map(([, label, text]) => ({ label, strengths: [text], weaknesses: [] }));
  return JSON.stringify({ evaluations, ranking: best.map(([, label]) => label) });
}
