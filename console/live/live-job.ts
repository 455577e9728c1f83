import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { ConvokeError, DeltaView, EventView } from "../../client/index.ts";
import { client } from "../service.ts";
import { type Scene, Story } from "./story.ts";

/** A job under watch: everything in signals, so that a token renders a word and not a page. */
export type LiveJob = {
  jobId: string;
  /** In order, from 1. Grows in place: `count` says when. */
  events: EventView[];
  count: ReadonlySignal<number>;
  scene: ReadonlySignal<Scene | undefined>;
  /** The text of a step as it arrives, before its outcome is there. */
  text(step: string): ReadonlySignal<string>;
  /** Nothing will come any more. */
  ended: ReadonlySignal<boolean>;
  error: ReadonlySignal<ConvokeError | undefined>;
};

/**
 * Watches a job for as long as a component shows it.
 *
 * What arrives within one frame is shown with it: a hundred events a second are sixty renderings, not a hundred.
 */
export function useLiveJob(jobId: string): LiveJob {
  const { job, follow } = useMemo(() => openJob(jobId), [jobId]);
  useEffect(() => {
    const stop = new AbortController();
    void follow(stop.signal);
    return () => stop.abort();
  }, [follow]);
  return job;
}

export function openJob(jobId: string): { job: LiveJob; follow(stop: AbortSignal): Promise<void> } {
  const story = new Story(jobId);
  const events: EventView[] = [];
  const count = signal(0);
  const scene = signal<Scene | undefined>(undefined);
  const ended = signal(false);
  const error = signal<ConvokeError | undefined>(undefined);
  const texts = new Map<string, Signal<string>>();
  const text = (step: string) => {
    const known = texts.get(step) ?? signal("");
    texts.set(step, known);
    return known;
  };

  let due = false;
  const show = () => {
    due = false;
    count.value = events.length;
    scene.value = story.scene();
  };
  const showSoon = () => {
    if (due) return;
    due = true;
    afterFrame(show);
  };

  const hear = (event: EventView) => {
    events.push(event);
    story.add(event);
    // The attempt begins with a blank page, whatever the one before had said.
    if (event.kind === "step.started")
      for (const { step } of event.steps as { step: string }[]) text(step).value = "";
    showSoon();
  };

  return {
    job: { jobId, events, count, scene, text, ended, error },
    async follow(stop) {
      try {
        const options = { after: events.length, deltas: true, signal: stop } as const;
        for await (const item of client.watch(jobId, options)) {
          if (item.kind === "delta") {
            const { step, text: more } = item as DeltaView;
            text(step).value += more;
          } else hear(item as EventView);
        }
        show();
        ended.value = true;
      } catch (reason) {
        if (!stop.aborted) error.value = reason as ConvokeError;
      }
    },
  };
}

/** A page in the background has no frames, and its title may still tell what has happened. */
function afterFrame(what: () => void): void {
  if (document.hidden) setTimeout(what, 100);
  else requestAnimationFrame(what);
}
