import type { ReadonlySignal } from "@preact/signals";
import { type Failure, isTerminal, type JobRecord } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import type { Scene, Step, StepStatus } from "../live/story.ts";

export type PartStatus = StepStatus | "pending" | "cancelled";

/** A part of a job's work, as it stands. */
export type Part = {
  step: Step;
  status: PartStatus;
  /** What it gave. */
  value: Json | undefined;
  /** Another model has taken over from the one that was asked. */
  standsIn: boolean;
};

/** Something that a model writes: to come, arriving, there, or lost. */
export type Writing = {
  status: PartStatus;
  text?: string;
  /** The text as it arrives. Absent when it is over, and when the page shows the past. */
  arriving?: ReadonlySignal<string>;
  model?: string;
  mock?: boolean;
  /** The model hit its limit before it had finished. */
  truncated?: boolean;
  standsIn?: boolean;
  failure?: Failure;
};

/** What a model's step leaves: a text, or an object in the form that was asked for. */
type ModelAnswer = { text: string; object?: Json; model: string; finish?: string };

/** What a job has done until a moment, found by the names that its type gives to the parts of its work. */
export class Work {
  readonly job: JobRecord;
  readonly steps: Step[];
  /** It has ended, and nothing more will come. */
  readonly isOver: boolean;
  /** This is how it stands, and not how it once stood. */
  readonly isNow: boolean;
  readonly #given: (step: Step) => Json | undefined;
  readonly #arriving: ((path: string) => ReadonlySignal<string>) | undefined;

  /**
   * @param given - what a step gave, wherever it is kept; undefined until it is at hand.
   * @param arriving - the text of a step as it comes. Left out for a moment of the past.
   */
  constructor(
    { job, steps }: Pick<Scene, "job" | "steps">,
    given: (step: Step) => Json | undefined,
    arriving?: (path: string) => ReadonlySignal<string>,
  ) {
    this.job = job;
    this.steps = steps;
    this.isOver = isTerminal(job.status);
    this.#given = given;
    this.#arriving = arriving;
    this.isNow = arriving !== undefined;
  }

  /**
   * The step of that name, or what came after it: a second try in the right form (`-repair`), the same once more (`#2`), or
   * another model (`/fallback:...`). Each begins only when the one before has not done, so the last one counts.
   */
  part(name: string): Part | undefined {
    const step = this.steps.findLast(
      ({ path }) => path.startsWith(name) && after.test(path.slice(name.length)),
    );
    return step && this.of(step);
  }

  of(step: Step): Part {
    const left = this.isOver && step.status !== "completed" && step.status !== "failed";
    return {
      step,
      status: left ? "cancelled" : step.status,
      value: this.#given(step),
      standsIn: step.path.includes("/fallback:"),
    };
  }

  value<T>(name: string): T | undefined {
    const part = this.part(name);
    return part?.status === "completed" ? (part.value as T | undefined) : undefined;
  }

  /** What a model answered in the form that was asked for. */
  object<T>(name: string): T | undefined {
    return this.value<{ object?: T }>(name)?.object;
  }

  writing(name: string): Writing {
    const part = this.part(name);
    if (!part) return { status: this.isOver ? "cancelled" : "pending" };
    const { step, status, value, standsIn } = part;
    const answer = value as ModelAnswer | undefined;
    return {
      status,
      ...(status === "completed" && answer ? { text: answer.text, model: answer.model } : {}),
      ...(status === "running" && this.#arriving ? { arriving: this.#arriving(step.path) } : {}),
      ...(step.mock ? { mock: true } : {}),
      ...(answer?.finish === "length" ? { truncated: true } : {}),
      ...(standsIn ? { standsIn: true } : {}),
      ...(step.failure ? { failure: step.failure } : {}),
    };
  }
}

/** A text that is known to be whole, with what its step says of whoever wrote it. */
export function whole(text: string, step?: Writing): Writing {
  const { mock, truncated, standsIn, model } = step ?? {};
  return {
    status: "completed",
    text,
    ...(model ? { model } : {}),
    ...(mock ? { mock } : {}),
    ...(truncated ? { truncated } : {}),
    ...(standsIn ? { standsIn } : {}),
  };
}

const after = /^(-repair)?(#\d+)?(\/fallback:.+)?$/;
