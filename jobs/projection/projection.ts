import * as z from "zod";
import { defineJob } from "../../core/engine/job-type.ts";
import { iso } from "../../core/protocol/wire.ts";
import { chosen } from "../configuration/attributes.ts";
import { writeText } from "../shared/ask-model.ts";
import { modelFields, modelsOf, withModels } from "../shared/models.ts";
import { fenceFor } from "../shared/quoting.ts";
import { stagesOf } from "../shared/stages.ts";
import { defaults, namespaces, personas, styles } from "./presets.ts";
import { type Phase, phases, promptFor, type Setting } from "./prompts.ts";

function named<T extends string>(presets: Record<T, { description: string }>, otherwise: NoInfer<T>) {
  const names = Object.keys(presets) as [T, ...T[]];
  const known = Object.entries<{ description: string }>(presets).map(
    ([name, { description }]) => `${name}: ${description}`,
  );
  return z
    .enum(names)
    .optional()
    .meta({ description: `Default: as configured, else ${otherwise}. ${known.join(". ")}` });
}

export const projectionInput = z
  .strictObject({
    narrative: z.string().trim().min(1).max(50_000),
    persona: named(personas, defaults.persona),
    namespace: named(namespaces, defaults.namespace),
    style: named(styles, defaults.style),
    show_steps: z
      .boolean()
      .optional()
      .meta({ description: "Whether the result lists its steps. Default: true" }),
    ...modelFields,
  })
  .meta({ id: "ProjectionInput" });

const stepView = z.object({
  name: z.string(),
  input_snapshot: z.string(),
  output_snapshot: z.string(),
  metadata: z.object({ step_type: z.enum(phases), model: z.string() }),
  timestamp: z.string(),
  duration_ms: z.number(),
});

const flat = {
  persona: z.string(),
  namespace: z.string(),
  style: z.string(),
  final_projection: z.string(),
  reflection: z.string(),
};

export const projectionResult = z
  .object({
    ...flat,
    steps: z.array(stepView).optional(),
    projection: z.object({
      id: z.string(),
      source_narrative: z.string(),
      ...flat,
      steps: z.array(stepView).optional(),
      created_at: z.string(),
    }),
  })
  .meta({ id: "ProjectionResult" });

type Input = z.infer<typeof projectionInput>;
type Result = z.infer<typeof projectionResult>;

const stages = {
  configuration: { name: "Initializing configuration", percentage: 16.7 },
  models: { name: "Creating projection", percentage: 33.3 },
  deconstruct: { name: "Deconstructing narrative", percentage: 50 },
  map: { name: "Mapping to namespace", percentage: 58.3 },
  reconstruct: { name: "Reconstructing allegory", percentage: 66.7 },
  stylize: { name: "Applying style", percentage: 75 },
  reflect: { name: "Generating reflection", percentage: 83.3 },
  end: { name: "Finalizing projection", percentage: 100 },
};

const snapshotLength = 200;
const snapshot = (text: string) =>
  text.length > snapshotLength ? `${text.slice(0, snapshotLength)}…` : text;

/** Retells a narrative as an allegory in another world, in another voice and style, and reflects on the two. */
export const projection = defineJob<Input, Result>({
  type: "projection",
  version: 1,
  summary: "Retells a narrative as an allegory in another world, in another voice and style",
  input: projectionInput,
  result: projectionResult,
  example: {
    narrative: "A manager takes credit for a colleague's idea.",
    persona: "philosopher",
    style: "academic",
  },
  prepare: withModels,
  title: () => "Creating allegorical projection",
  description: ({ narrative }) => narrative.slice(0, 50),

  async run(ctx, input, { configuration }) {
    const show = stagesOf(ctx, stages);
    show("configuration", "Reading persona, namespace and style");
    const setting = await ctx.step("configuration", async (): Promise<Setting> => {
      const { tenant } = ctx.job;
      const [persona, namespace, style] = await Promise.all([
        chosen(configuration, tenant, "persona", input.persona),
        chosen(configuration, tenant, "namespace", input.namespace),
        chosen(configuration, tenant, "language_style", input.style),
      ]);
      return { persona, namespace, style };
    });
    const [persona, namespace, style] = [setting.persona.name, setting.namespace.name, setting.style.name];
    const models = modelsOf(input);
    show("models", `${models[0]} is going to write as ${persona}, in ${namespace}, in the style ${style}`);
    await ctx.step("models", async () => models);

    const { narrative } = input;
    const fence = fenceFor(ctx.job.jobId);
    const texts = new Map<Phase, string>();
    const steps: z.infer<typeof stepView>[] = [];
    let before = narrative;
    for (const phase of phases) {
      show(phase, `${models[0]} is at work`);
      const begunAt = ctx.now();
      const prompt = promptFor(phase, setting, { narrative, before, fence });
      const { text, model } = await writeText(ctx, phase, { models, prompt, maxOutputTokens: 8_192 });
      texts.set(phase, text);
      steps.push({
        name: stages[phase].name,
        input_snapshot: snapshot(before),
        output_snapshot: snapshot(text),
        metadata: { step_type: phase, model },
        timestamp: iso(ctx.now()),
        duration_ms: ctx.now() - begunAt,
      });
      before = text;
    }
    show("end", "The projection is complete");

    const made = {
      persona,
      namespace,
      style,
      final_projection: texts.get("stylize")!,
      // Whole: what is cut is only what a step shows of it.
      reflection: texts.get("reflect")!,
      ...(input.show_steps === false ? {} : { steps }),
    };
    const { jobId, createdAt } = ctx.job;
    return {
      ...made,
      projection: { id: jobId, source_narrative: narrative, ...made, created_at: iso(createdAt) },
    };
  },

  message: "narrative",
  reply: ({ final_projection, reflection, persona, namespace, style }) => ({
    content: final_projection,
    data: { reflection, persona, namespace, style },
  }),
});
