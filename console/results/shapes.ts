/**
 * What job types take and give, as their schemas say: the only place where the page looks at them, and for types alone, so
 * that no code of a job reaches the browser. A journal may be of another version: a view that cannot make it out gives way to
 * the plain values.
 */
import type * as z from "zod";
import type { auditInput, auditResult } from "../../jobs/audit/audit.ts";
import type { generationInput, generationResult } from "../../jobs/generation/generation.ts";
import type { projectionInput, projectionResult } from "../../jobs/projection/projection.ts";
import type { stabilityInput, stabilityResult } from "../../jobs/translation/stability.ts";
import type { translationInput } from "../../jobs/translation/translation.ts";
import type { videoInput, videoResult } from "../../jobs/video/video.ts";

export type { AuditPlan } from "../../jobs/audit/plan.ts";
export type { CycleError, CycleOutcome, ReactStep } from "../../jobs/audit/traces.ts";
export type AuditInput = z.infer<typeof auditInput>;
export type AuditResult = z.infer<typeof auditResult>;

export type { Council as CouncilInput } from "../../jobs/council/input.ts";
export type { CouncilResult } from "../../jobs/council/result.ts";

export type { Artifact } from "../../jobs/generation/files.ts";
export type { Architecture, Draft, Finding, Specification } from "../../jobs/generation/plan.ts";
export type GenerationInput = z.infer<typeof generationInput>;
export type GenerationResult = z.infer<typeof generationResult>;

export type { MaieuticInput, MaieuticResult, Turn } from "../../jobs/maieutic/session.ts";
export type { Suggestion } from "../../jobs/maieutic/suggestion.ts";

export type ProjectionInput = z.infer<typeof projectionInput>;
export type ProjectionResult = z.infer<typeof projectionResult>;

export type { RoundTrip } from "../../jobs/translation/round-trip.ts";
export type TranslationInput = z.infer<typeof translationInput>;
export type StabilityInput = z.infer<typeof stabilityInput>;
export type StabilityResult = z.infer<typeof stabilityResult>;

export type VideoInput = z.infer<typeof videoInput>;
export type VideoResult = z.infer<typeof videoResult>;
