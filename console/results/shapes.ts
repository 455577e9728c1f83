/**
 * What job types take and give, as their schemas say: the only place where the page looks at them, and for types alone, so
 * that no code of a job reaches the browser. A journal may be of another version: a view that cannot make it out gives way to
 * the plain values.
 */
import type { batchJob } from "../../core/engine/batch-job.ts";
import type { JobType } from "../../core/engine/job-type.ts";
import type { audit } from "../../jobs/audit/audit.ts";
import type { generateField } from "../../jobs/configuration/generate-field.ts";
import type { systemPrompt } from "../../jobs/configuration/system-prompt.ts";
import type { generation } from "../../jobs/generation/generation.ts";
import type { notification } from "../../jobs/notification/notification.ts";
import type { callOff } from "../../jobs/operation/call-off.ts";
import type { operation } from "../../jobs/operation/operation.ts";
import type { projection } from "../../jobs/projection/projection.ts";
import type { router } from "../../jobs/router/router.ts";
import type { stability } from "../../jobs/translation/stability.ts";
import type { translation } from "../../jobs/translation/translation.ts";
import type { video } from "../../jobs/video/video.ts";

type InputOf<T> = T extends JobType<infer Input, infer _> ? Input : never;
type ResultOf<T> = T extends JobType<infer _, infer Result> ? Result : never;

export type { AuditPlan } from "../../jobs/audit/plan.ts";
export type { CycleError, CycleOutcome, ReactStep } from "../../jobs/audit/traces.ts";
export type AuditInput = InputOf<typeof audit>;
export type AuditResult = ResultOf<typeof audit>;

type Batch = ReturnType<typeof batchJob>;
export type BatchInput = InputOf<Batch>;
export type BatchResult = ResultOf<Batch>;

export type { Council as CouncilInput } from "../../jobs/council/input.ts";
export type { CouncilResult } from "../../jobs/council/result.ts";

export type FieldInput = InputOf<typeof generateField>;
export type FieldResult = ResultOf<typeof generateField>;

export type { Artifact } from "../../jobs/generation/files.ts";
export type { Architecture, Draft, Finding, Specification } from "../../jobs/generation/plan.ts";
export type GenerationInput = InputOf<typeof generation>;
export type GenerationResult = ResultOf<typeof generation>;

export type { MaieuticInput, MaieuticResult, Turn } from "../../jobs/maieutic/session.ts";
export type { Suggestion } from "../../jobs/maieutic/suggestion.ts";

export type NotificationInput = InputOf<typeof notification>;
export type NotificationResult = ResultOf<typeof notification>;

export type CallOffResult = ResultOf<typeof callOff>;
export type OperationInput = InputOf<typeof operation>;
export type OperationResult = ResultOf<typeof operation>;

export type ProjectionInput = InputOf<typeof projection>;
export type ProjectionResult = ResultOf<typeof projection>;

export type RouterInput = InputOf<typeof router>;

export type StabilityInput = InputOf<typeof stability>;
export type StabilityResult = ResultOf<typeof stability>;
export type SystemPromptInput = InputOf<typeof systemPrompt>;
export type SystemPromptResult = ResultOf<typeof systemPrompt>;

export type { RoundTrip } from "../../jobs/translation/round-trip.ts";
export type TranslationInput = InputOf<typeof translation>;

export type VideoInput = InputOf<typeof video>;
export type VideoResult = ResultOf<typeof video>;
