import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useErrorBoundary } from "preact/hooks";
import type { Json } from "../../core/protocol/json.ts";
import type { LiveJob } from "../live/live-job.ts";
import type { Scene } from "../live/story.ts";
import { Note, Skeleton } from "../ui/parts.tsx";
import { Plain } from "./plain.tsx";
import type { Shown } from "./shown.ts";
import { useWork } from "./use-work.ts";

type View = ComponentType<Shown>;
type Chunk = () => Promise<View>;

const views: Record<string, Chunk> = {
  audit: async () => (await import("./audit.tsx")).Audit,
  batch: async () => (await import("./batch.tsx")).Batch,
  "call-off": async () => (await import("./operation.tsx")).CallOff,
  configuration: async () => (await import("./small.tsx")).GeneratedField,
  council: async () => (await import("./council.tsx")).Council,
  generation: async () => (await import("./generation.tsx")).Generation,
  maieutic: async () => (await import("./maieutic.tsx")).Dialogue,
  notification: async () => (await import("./small.tsx")).Notification,
  operation: async () => (await import("./operation.tsx")).Operation,
  projection: async () => (await import("./projection.tsx")).Projection,
  router: async () => (await import("./small.tsx")).Router,
  "system-prompt": async () => (await import("./small.tsx")).SystemPrompt,
  translation: async () => (await import("./translation.tsx")).Translation,
  "translation-stability": async () => (await import("./stability.tsx")).Stability,
  video: async () => (await import("./operation.tsx")).Video,
};

/** Input, progress and result of a job as its type wants to be looked at, at any moment of its life. */
export function ResultView({
  live,
  scene,
  input,
  result,
}: {
  live: LiveJob;
  scene: Scene;
  input: Json | undefined;
  result: Json | undefined;
}) {
  const work = useWork(live, scene);
  const { type } = scene.job;
  const load = Object.hasOwn(views, type) ? views[type] : undefined;
  const [fault] = useErrorBoundary();
  const shown = { jobId: live.jobId, input, result, work };
  // A journal may be older or newer than this page.
  if (fault || !load) return <Plain {...shown} />;
  return <Loaded key={type} load={load} {...shown} />;
}

function Loaded({ load, ...shown }: Shown & { load: Chunk }) {
  const view = useSignal<View | undefined>(undefined);
  const lost = useSignal(false);
  useEffect(() => {
    load().then(
      (loaded) => {
        view.value = loaded;
      },
      () => {
        lost.value = true;
      },
    );
  }, [load]);
  const Shape = view.value;
  if (Shape) return <Shape {...shown} />;
  if (!lost.value) return <Skeleton />;
  return (
    <>
      <Note>The view of this type could not be loaded. Reload the page to try again.</Note>
      <Plain {...shown} />
    </>
  );
}
