import { setTimeout as sleep } from "node:timers/promises";
import type { Model, ModelAnswer, ModelRequest } from "../../../core/models/model.ts";
import type { Json } from "../../../core/protocol/json.ts";
import { generation } from "../../../jobs/generation/generation.ts";
import { memoryCloud } from "../../../testing/index.ts";

/** What a role says: an object in the asked-for shape, a text, parts of an answer, or the error that it throws. */
export type Says = (request: ModelRequest, prompt: string) => object | string | Error;

const isAnswer = (said: object): said is Partial<ModelAnswer> => "text" in said;

/** By role; a developer's also by file, as `write src/app.ts`, and the reviewer's and the fixes' by the times asked. */
export type Script = Record<string, Says>;

export const files = [
  { path: "src/words.ts", purpose: "The words of every language" },
  { path: "src/greet.ts", purpose: "Greets" },
  { path: "README.md", purpose: "Says how to run it" },
];

export const usual: Script = {
  specification: () => ({
    summary: "Greets",
    features: ["Greets by name"],
    constraints: ["TypeScript"],
    questions: [],
  }),
  architecture: () => ({ overview: "Words, and a greeting", technologies: ["TypeScript"], files }),
  tasks: () => ({
    file_1: { instructions: "Export words" },
    file_2: { instructions: "Import words", depends_on: ["file_1"] },
    file_3: { instructions: "Say npm start", depends_on: [] },
  }),
  write: (_request, prompt) => asAsked(prompt, `content of ${fileOf(prompt)}`),
  review: () => ({ summary: "Good", findings: [] }),
  fix: (_request, prompt) => asAsked(prompt, `mended content of ${fileOf(prompt)}`),
};

/** A file between the tags that its prompt asks for. */
export function asAsked(prompt: string, content: string): string {
  const tag = /<(file-\w+)>/.exec(prompt)![1]!;
  return `Here it is:\n<${tag}>\n${content}\n</${tag}>\n`;
}

const roles: [string, RegExp][] = [
  ["specification", /^You write the specification/],
  ["architecture", /^You are the architect/],
  ["tasks", /^You lead the developers/],
  ["write", /^You are a developer\. Write the file/],
  ["fix", /^You are a developer\. A review/],
  ["review", /^You review/],
];

function roleOf(prompt: string): string {
  return roles.find(([, begins]) => begins.test(prompt))![0];
}

export function fileOf(prompt: string): string {
  return /(?:Write the file|found faults in) (\S+):/.exec(prompt)![1]!;
}

/** Roles that say what a script says. Remembers what they were asked, and how many at the same time. */
export function cast(script: Script = {}, takesMs: (prompt: string) => number = () => 0) {
  const asked: { role: string; file?: string; prompt: string; request: ModelRequest }[] = [];
  let atOnce = 0;
  const self = { asked, mostAtOnce: 0, model: undefined as unknown as Model };
  self.model = {
    async generate(request, { signal, onDelta }) {
      const prompt = request.messages[0]!.content;
      const role = roleOf(prompt);
      const file = role === "write" || role === "fix" ? fileOf(prompt) : undefined;
      asked.push({ role, prompt, request, ...(file ? { file } : {}) });
      atOnce += 1;
      self.mostAtOnce = Math.max(self.mostAtOnce, atOnce);
      await sleep(takesMs(prompt), undefined, { signal });
      atOnce -= 1;
      const says = script[`${role} ${file}`] ?? script[role] ?? usual[role]!;
      const said = says(request, prompt);
      if (said instanceof Error) throw said;
      const answer: Partial<ModelAnswer> =
        typeof said === "string"
          ? { text: said }
          : isAnswer(said)
            ? said
            : { text: JSON.stringify(said), object: said as Json };
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
  return self;
}

export const greeter = {
  name: "Greeter",
  description: "Greets whoever is named",
  models: ["test:ada", "test:ben"],
};

/** A project's generation on the real engine, in memory and in virtual time. */
export async function workshop(
  script: Script = {},
  input: object = {},
  takesMs?: (prompt: string) => number,
) {
  const team = cast(script, takesMs);
  const cloud = memoryCloud({ jobs: [generation], model: team.model });
  const job = await cloud.submit("generation", { ...greeter, ...input });
  return { team, cloud, job };
}
