import type { ProjectionInput, ProjectionResult } from "./shapes.ts";
import { type Work, type Writing, whole } from "./work.ts";

const phases = [
  {
    name: "deconstruct",
    title: "Deconstruct",
    does: "Takes the narrative apart into who, what, why, how and outcome",
  },
  { name: "map", title: "Map", does: "Gives everything a counterpart in the other world" },
  { name: "reconstruct", title: "Reconstruct", does: "Tells the story again in its new world" },
  { name: "stylize", title: "Stylize", does: "Rewords it in the style" },
  { name: "reflect", title: "Reflect", does: "Says what the version brings to light about the original" },
] as const;

export type PhaseView = { name: string; title: string; does: string; before: Writing; after: Writing };

export type ProjectionView = {
  narrative: string;
  setting: { persona: string; namespace: string; style: string };
  phases: PhaseView[];
  final: Writing;
  reflection: Writing;
};

export function projectionView(
  input: ProjectionInput | undefined,
  result: ProjectionResult | undefined,
  work: Work,
): ProjectionView {
  const narrative = result?.projection.source_narrative ?? input?.narrative ?? "";
  const written = (phase: string): Writing => {
    const step = work.writing(phase);
    if (phase === "stylize" && result) return whole(result.final_projection, step);
    if (phase === "reflect" && result) return whole(result.reflection, step);
    return step;
  };
  const chosen = work.value<Record<"persona" | "namespace" | "style", { name: string }>>("configuration");
  const named = (part: "persona" | "namespace" | "style") =>
    result?.[part] ?? chosen?.[part].name ?? input?.[part] ?? "as configured";
  const views = phases.map(
    (phase, index): PhaseView => ({
      ...phase,
      before: index === 0 ? whole(narrative) : written(phases[index - 1]!.name),
      after: written(phase.name),
    }),
  );
  return {
    narrative,
    setting: { persona: named("persona"), namespace: named("namespace"), style: named("style") },
    phases: views,
    final: written("stylize"),
    reflection: written("reflect"),
  };
}
