import type { RoundTrip, StabilityInput, StabilityResult } from "./shapes.ts";
import { type Work, type Writing, whole } from "./work.ts";

/** A text on its way into a language and back. What is undefined is still to come, what is null could not be had. */
export type RoundTripView = {
  source: string;
  intermediate: string;
  original: Writing;
  there: Writing;
  back: Writing;
  drift: number | null | undefined;
  elements: { preserved: string[]; lost: string[]; gained: string[] } | null | undefined;
  language: RoundTrip["linguistic_analysis"] | undefined;
};

type Asked = { text: string; source: string; intermediate: string };

/** @param within - the scope of its steps, with a slash at the end. */
export function roundTripView(
  { text, source, intermediate }: Asked,
  result: RoundTrip | undefined,
  work: Work,
  within = "",
): RoundTripView {
  const written = (name: string): Writing => work.writing(within + name);
  const asked = { source, intermediate, original: whole(text) };
  if (result) {
    const { preserved_elements: preserved, lost_elements: lost, gained_elements: gained } = result;
    const isEmpty = preserved.length + lost.length + gained.length === 0;
    return {
      ...asked,
      there: whole(result.translated_text, written("forward")),
      back: whole(result.final_text, written("backward")),
      drift: result.semantic_drift,
      elements: isEmpty ? null : { preserved, lost, gained },
      language: result.linguistic_analysis,
    };
  }
  /** An analysis that has failed for good is left out by the job, so that it is no reason to wait. */
  const found = <T>(name: string): T | null | undefined => {
    const isLost = work.isOver || work.part(within + name)?.status === "failed";
    return work.object<T>(within + name) ?? (isLost ? null : undefined);
  };
  const score = found<{ similarity: number }>("similarity");
  return {
    ...asked,
    there: written("forward"),
    back: written("backward"),
    drift: score && Math.round((1 - score.similarity) * 1e6) / 1e6,
    elements: found("elements"),
    language: found("language"),
  };
}

/** What a drift comes to, in words; 0 is none. */
export function driftInWords(drift: number | null | undefined): string {
  if (drift === undefined) return "to come";
  if (drift === null) return "could not be scored";
  if (drift < 0.1) return "hardly any";
  if (drift < 0.25) return "little";
  if (drift < 0.5) return "noticeable";
  return "heavy";
}

export type StabilityView = {
  original: string;
  languages: {
    language: string;
    trip: RoundTripView;
    drift: number | null | undefined;
    state: "pending" | "running" | "completed" | "failed";
    error?: { code: string; message: string };
  }[];
  /** 1 is perfectly stable. */
  score: number | null | undefined;
  core: { stable: string[]; volatile: string[] } | null | undefined;
};

export function stabilityView(
  input: StabilityInput | undefined,
  result: StabilityResult | undefined,
  work: Work,
): StabilityView {
  const original = result?.original_text ?? input?.text ?? "";
  const { source_language: source = "english" } = input ?? {};
  const found = new Map(result?.languages.map((one) => [one.intermediate_language, one]));
  const names = result ? [...found.keys()] : (input?.languages ?? begunIn(work));
  const languages = names.map((language): StabilityView["languages"][number] => {
    const one = found.get(language);
    const asked = { text: original, source, intermediate: language };
    if (one && "error" in one) {
      const trip = roundTripView(asked, undefined, work, `${language}/`);
      return { language, trip, drift: null, state: "failed", error: one.error };
    }
    const trip = roundTripView(asked, one, work, `${language}/`);
    const failure = trip.there.failure ?? trip.back.failure;
    const failed = trip.there.status === "failed" || trip.back.status === "failed";
    const isBack = trip.drift !== undefined && trip.elements !== undefined && trip.language !== undefined;
    const state = failed
      ? "failed"
      : isBack
        ? "completed"
        : trip.there.status === "pending"
          ? "pending"
          : "running";
    return { language, trip, drift: trip.drift, state, ...(failed && failure ? { error: failure } : {}) };
  });
  const core = work.object<{ stable: string[]; volatile: string[] }>("core");
  return {
    original,
    languages,
    score: result ? result.stability_score : work.isOver ? null : undefined,
    core: result
      ? { stable: result.stable_elements, volatile: result.volatile_elements }
      : core
        ? { stable: core.stable.slice(0, 5), volatile: core.volatile.slice(0, 5) }
        : work.isOver
          ? null
          : undefined,
  };
}

/** Where nobody has named languages the deployment has, and the steps say which. */
function begunIn(work: Work): string[] {
  const scopes = work.steps.flatMap(({ path }) => /^([a-z]+)\//.exec(path)?.[1] ?? []) ?? [];
  return [...new Set(scopes)].filter((scope) => scope !== "core");
}
