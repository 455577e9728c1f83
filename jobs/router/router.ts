import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import { StepError, StepFailed } from "../../core/protocol/error.ts";
import { askFor } from "../shared/ask-model.ts";
import { modelFields, modelsOf } from "../shared/models.ts";
import { fenceFor, quote, quotedAsData } from "../shared/quoting.ts";
import { languageNames } from "../translation/languages.ts";
import { generalist, type Specialist, specialists } from "./specialists.ts";

const types = specialists.map(({ type }) => type) as [string, ...string[]];

const input = z
  .strictObject({
    question: z.string().trim().min(1).max(100_000),
    specialists: z
      .array(z.enum(types))
      .min(1)
      .optional()
      .meta({ description: "Among whom to choose. Default: all" }),
    ...modelFields,
  })
  .meta({ id: "RouterInput" });

type Input = z.infer<typeof input>;

type Choice = { specialist: Specialist; language?: string; reason: string };

/** Looks at a message, picks who is to work on it, and hands it over: that job takes this one's place. */
export const router = defineJob<Input, null>({
  type: "router",
  version: 1,
  summary:
    "Looks at a message and hands it to the job type that fits: council, video, projection or translation",
  input,
  result: z.null(),
  example: { question: "Make a short video of a lighthouse in a storm" },
  prepare: (given, { titleModel, mockFallback }) => ({
    ...given,
    // A choice among four takes no large model.
    models: [
      ...new Set([
        ...(given.models ?? [titleModel]),
        ...((given.allow_mock ?? mockFallback) ? ["mock:athena"] : []),
      ]),
    ],
  }),
  title: ({ question }) => `Routing: ${question.replace(/\s+/g, " ").slice(0, 60)}`,
  description: ({ question }) => question.slice(0, 200),
  message: "question",

  async run(ctx, given) {
    const { question } = given;
    const open = specialists.filter(({ type }) => !given.specialists || given.specialists.includes(type));
    show(ctx, "Choosing a specialist", 10, `Among ${open.map(({ type }) => type).join(", ")}`);
    const choice = await choose(ctx, given, open);
    const { specialist, input } = workable(choice, question, open);
    show(ctx, "Handing over", 90, `To ${specialist.type}: ${choice.reason}`);
    return ctx.handOff(specialist.type, input);
  },
});

function show(ctx: JobContext, current_step: string, percentage: number, details: string): void {
  ctx.progress({
    current_step,
    total_steps: 2,
    completed_steps: percentage > 50 ? 1 : 0,
    percentage,
    details,
  });
}

async function choose(ctx: JobContext, given: Input, open: Specialist[]): Promise<Choice> {
  const [only] = open;
  if (open.length === 1) return { specialist: only!, reason: "nobody else was asked for" };
  const fence = fenceFor(ctx.job.jobId);
  const prompt = [
    "Choose who is to work on a user's message. There are:",
    open.map(({ type, does }) => `- ${type}: ${does}`).join("\n"),
    `When in doubt choose ${(open.find(({ type }) => type === generalist) ?? only!).type}.`,
    quotedAsData(fence),
    quote("message", fence, given.question.slice(0, 8_000)),
  ].join("\n\n");
  const names = open.map(({ type }) => type) as [string, ...string[]];
  const shape = z.object({
    specialist: z.enum(names).default(names.includes(generalist) ? generalist : names[0]),
    reason: z.string().max(500).meta({ description: "In one short sentence" }),
    language: z
      .enum(languageNames)
      .optional()
      .meta({ description: "For a translation: which one to go through" }),
  });
  try {
    const { value } = await askFor(
      ctx,
      "route",
      { models: modelsOf(given), prompt, maxOutputTokens: 300 },
      shape,
    );
    const specialist = open.find(({ type }) => type === value.specialist)!;
    return { specialist, reason: value.reason, ...(value.language ? { language: value.language } : {}) };
  } catch (error) {
    if (!(error instanceof StepError) && !(error instanceof StepFailed)) throw error;
    // A message is not lost because nobody could say who is the best for it.
    ctx.degraded();
    return {
      specialist: bySound(given.question, open),
      reason: `chosen by its words, as no model could (${error.code})`,
    };
  }
}

/** The choice that needs no model: the same message always goes to the same one. */
export function bySound(message: string, open: Specialist[]): Specialist {
  const heard = open.find(({ sounds }) => sounds.test(message));
  return heard ?? open.find(({ type }) => type === generalist) ?? open[0]!;
}

/** A specialist who does not know enough from the message gives way to the generalist. */
function workable(
  { specialist, language }: Choice,
  message: string,
  open: Specialist[],
): { specialist: Specialist; input: object } {
  const found = language === undefined ? {} : { language };
  const others = open.filter((one) => one !== specialist).sort((one) => (one.type === generalist ? -1 : 1));
  for (const one of [specialist, ...others]) {
    const input = one.inputFrom(message, found);
    if (input) return { specialist: one, input };
  }
  throw new StepFailed(
    "nobody_fits",
    "The message says too little for any of the specialists that were asked for",
  );
}
