import { JsonView } from "../ui/json.tsx";
import { bytes } from "../ui/numbers.ts";
import { Card } from "../ui/parts.tsx";
import { Bar } from "../ui/status.tsx";
import { duration, Moment } from "../ui/time.tsx";
import { isPicture, operationView, videoOperation } from "./operation.ts";
import { Facts, Given, ModelName, PartState } from "./parts.tsx";
import type { CallOffResult, OperationInput, OperationResult, VideoInput, VideoResult } from "./shapes.ts";
import type { Shown } from "./shown.ts";
import type { Work } from "./work.ts";

export function Video({ jobId, input, result, work }: Shown) {
  const { prompt = "", ...wanted } = (input ?? {}) as Partial<VideoInput>;
  const made = result as VideoResult | undefined;
  return (
    <div class="stack">
      <Card
        title="Video"
        actions={
          made && (
            <>
              {made.mock && <span class="tag mock">mock</span>}
              <span class="small faint">
                {made.video.media_type}
                {made.video.bytes ? `, ${bytes(made.video.bytes)}` : ""}
              </span>
              <a class="button quiet small" href={made.video.url} download={`video-${jobId}`}>
                Download
              </a>
            </>
          )
        }
      >
        <div class="stack">
          <figure class="player">
            {made ? (
              <Player made={made} prompt={prompt} />
            ) : (
              <p class="faint">{work.isOver ? "There is no video." : "The video is being made."}</p>
            )}
          </figure>
          <Given text={prompt} />
          <Facts
            of={[
              ["Model", <ModelName key="model" name={made?.model ?? wanted.model ?? "the deployment's"} />],
              ...(["duration_seconds", "aspect_ratio", "resolution", "seed"] as const).flatMap(
                (name): [string, string][] =>
                  wanted[name] === undefined ? [] : [[named[name], String(wanted[name])]],
              ),
            ]}
          />
        </div>
      </Card>
      <Standing work={work} name={videoOperation(work)} />
    </div>
  );
}

const named = {
  duration_seconds: "Seconds",
  aspect_ratio: "Aspect ratio",
  resolution: "Resolution",
  seed: "Seed",
};

/** The address leads to wherever the file is kept, for whoever may read the job. */
function Player({ made: { video, mock }, prompt }: { made: VideoResult; prompt: string }) {
  if (isPicture(video, mock)) return <img src={video.url} alt={`Video: ${prompt}`} />;
  return (
    // biome-ignore lint/a11y/useMediaCaption: nobody speaks in it, and nobody has written captions
    <video controls preload="metadata" src={video.url} aria-label={`Video: ${prompt}`} />
  );
}

/** How something stands that somebody else does. */
function Standing({ work, name }: { work: Work; name: string }) {
  const { status, provider, id, polls, lookedAt, nextLookAt, progress } = operationView(name, work);
  return (
    <Card title="Operation" actions={<PartState of={status} />}>
      <div class="stack">
        {progress?.percentage !== undefined && (
          <Bar percentage={progress.percentage} status="running" label="What its provider has done" />
        )}
        <Facts
          of={[
            ["Provider", provider ?? "–"],
            ["Operation", id ? <code key="id">{id}</code> : "not begun"],
            ["Asked", polls === 1 ? "once" : `${polls} times`],
            ["Last asked", <Moment key="last" at={lookedAt} />],
            ["Asked again", <Moment key="next" at={nextLookAt} />],
            [
              "To go",
              progress?.eta_seconds === undefined ? "–" : `about ${duration(progress.eta_seconds * 1_000)}`,
            ],
          ]}
        />
      </div>
    </Card>
  );
}

export function Operation({ input, result, work }: Shown) {
  const { start, ...manner } = (input ?? {}) as Partial<OperationInput>;
  const made = result as OperationResult | undefined;
  return (
    <div class="stack">
      {made && (
        <Card title="Result">
          <JsonView value={made.result} />
        </Card>
      )}
      <Standing work={work} name="operation" />
      <Card title="Request">
        <div class="stack">
          <p>
            <strong>{start?.method ?? "POST"}</strong> <code class="wrap">{start?.url}</code>
          </p>
          {start?.body !== undefined && <JsonView value={start.body} />}
          {Object.keys(manner).length > 0 && <JsonView value={manner as never} open={1} />}
        </div>
      </Card>
    </div>
  );
}

export function CallOff({ input, result, work }: Shown) {
  const { ticket } = (input ?? {}) as { ticket?: { operation: string; operation_id: string } };
  const said = result as CallOffResult | undefined;
  const attempts = work.part("call-off")?.step.attempts.length ?? 0;
  return (
    <Card
      title="Call-off"
      actions={
        said && (
          <span class={`status ${said.called_off ? "completed" : "cancelled"}`}>
            {said.called_off ? "called off" : "could not be called off"}
          </span>
        )
      }
    >
      <div class="stack">
        <p class="soft">
          {said
            ? said.called_off
              ? "Its provider has been told that nobody waits for it any more."
              : "It had ended, or its provider knows no such thing."
            : "Its provider is being told that nobody waits for it any more."}
        </p>
        <Facts
          of={[
            ["Provider", ticket?.operation ?? "–"],
            ["Operation", <code key="id">{ticket?.operation_id ?? "–"}</code>],
            ["Tries", String(attempts)],
          ]}
        />
      </div>
    </Card>
  );
}
