import { setTimeout as sleep } from "node:timers/promises";
import { submit } from "../../../core/engine/submit.ts";
import type { Model, ModelAnswer, ModelRequest } from "../../../core/models/model.ts";
import type { JobKey } from "../../../core/protocol/job.ts";
import type { Services } from "../../../core/services.ts";
import { council } from "../../../jobs/council/council.ts";
import type { CouncilResult } from "../../../jobs/council/result.ts";
import { jobs } from "../../../jobs/index.ts";
import { engine } from "../../support/engine.ts";

export const members = ["test:ada", "test:ben", "test:cleo", "test:dan"];

/** What a model says to a request: a text, parts of an answer, or the error it throws. */
type Says = (request: ModelRequest, shown: Shown[]) => string | Partial<ModelAnswer> | Error;

/** By model name, or by the part that a model plays; the part can be overruled for one model as `rank test:ada`. */
export type Script = Record<string, Says>;

/** An answer as a ranker or the chairman was shown it. */
export type Shown = { label: string; text: string };

/** Reads quoted answers back out of a prompt. */
export function shownIn(prompt: string): Shown[] {
  return Array.from(
    prompt.matchAll(/<answer-(\w+) label="([^"]+)">\n([\s\S]*?)\n<\/answer-\1>/g),
    ([, , label = "", text = ""]) => ({ label, text }),
  );
}

export function promptOf(request: ModelRequest): string {
  return request.messages.at(-1)!.content;
}

/** A ranking in the asked-for shape. */
export function structured(order: string[]): Partial<ModelAnswer> {
  const evaluations = order.map((label) => ({ label, strengths: [`${label} is good`], weaknesses: [] }));
  const object = { evaluations, ranking: order };
  return { text: JSON.stringify(object), object };
}

/** By the alphabet, so that everybody agrees and the answer of `ada` wins. */
const alphabetical: Says = (_request, shown) =>
  structured(shown.toSorted((a, b) => (a.text < b.text ? -1 : 1)).map(({ label }) => label));

/** Models that say what a script says. Remembers what they were asked. */
function scripted(script: Script): Model & { asked: ModelRequest[] } {
  const asked: ModelRequest[] = [];
  return {
    asked,
    async generate(request, { signal, onDelta }) {
      asked.push(request);
      const prompt = promptOf(request);
      const shown = shownIn(prompt);
      const part = partOf(prompt);
      const says = script[`${part} ${request.model}`] ?? script[part] ?? usual[part]!;
      const said = says(request, shown);
      if (said instanceof Error) throw said;
      if (typeof said !== "string" && said.finish === undefined && said.text === "wait for ever")
        await sleep(1_000_000_000, undefined, { signal });
      const answer = typeof said === "string" ? { text: said } : said;
      if (answer.text) onDelta?.(answer.text);
      return {
        text: "",
        model: request.model,
        finish: "stop",
        usage: { model_calls: 1, input_tokens: 10, output_tokens: 5, cost_usd: 0.001 },
        ...answer,
      };
    },
  };
}

const usual: Script = {
  answer: ({ model }) => `${model} says: it scatters`,
  rank: alphabetical,
  chair: () => "Blue light scatters most.",
  title: () => "Colour of the Sky",
};

function partOf(prompt: string): string {
  if (prompt.includes("as a title for a list")) return "title";
  if (prompt.startsWith("You chair a council")) return "chair";
  return prompt.includes("FINAL RANKING:") ? "rank" : "answer";
}

const deployment = {
  councilMembers: members,
  councilChairmen: ["test:chair", "test:deputy"],
  titleModel: "test:title",
  workModels: ["test:chair"],
  mockFallback: false,
  videoModel: "mock:video",
  messageType: "council",
  operationHosts: [],
  webhookHosts: [],
};

/** A council on the real engine, in memory and in virtual time. */
export function chamber(script: Script = {}, world: Partial<Pick<Services, "model" | "deployment">> = {}) {
  const model = scripted(script);
  const self = engine(council, { model, deployment, ...world });

  const convene = async (input: object = {}, conversationId?: string): Promise<JobKey> => {
    const request = {
      type: "council",
      input: { question: "Why is the sky blue?", ...input },
      ...(conversationId ? { conversation: { id: conversationId, onBusy: "enqueue" as const } } : {}),
    };
    const { job } = await submit(self.services, jobs, { tenant: "acme", by: "test" }, request);
    return { tenant: job.tenant, jobId: job.jobId };
  };

  return {
    ...self,
    asked: model.asked,
    submit: convene,
    council: async (input: object = {}) => {
      const key = await convene(input);
      const job = await self.toEnd(key);
      return { key, job, result: (await self.result(key)) as unknown as CouncilResult };
    },
  };
}
