import { useComputed, useSignal } from "@preact/signals";
import { useCallback, useEffect } from "preact/hooks";
import { useLocation, useRoute } from "preact-iso";
import { isTerminal } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import { Actions } from "../job/actions.tsx";
import { ForkDialog } from "../job/fork.tsx";
import { Lead, Notes, ProgressCard, Relations } from "../job/head.tsx";
import { Journal } from "../job/journal.tsx";
import { Replay } from "../job/replay.tsx";
import { ResultOf, useInput } from "../job/result.tsx";
import { Steps } from "../job/steps.tsx";
import { Waiting } from "../job/waiting.tsx";
import { type LiveJob, useLiveJob } from "../live/live-job.ts";
import { sceneAt } from "../live/story.ts";
import { answeredInPlace } from "../results/in-place.ts";
import { JsonView } from "../ui/json.tsx";
import { Card, Page, Problem, Skeleton, Tabs } from "../ui/parts.tsx";
import { Status } from "../ui/status.tsx";

export function JobPage() {
  const { id } = useRoute().params;
  return <OneJob key={id} jobId={id!} />;
}

const tabs = ["result", "steps", "journal", "input"] as const;
type Tab = (typeof tabs)[number];

function OneJob({ jobId }: { jobId: string }) {
  const live = useLiveJob(jobId);
  const { path, query, route } = useLocation();
  const at = useMoment();
  const forking = useSignal(false);
  // A job that goes on under a page that shows its past is none of that page's business.
  const end = useComputed(() => (at.value === undefined ? undefined : Math.min(at.value, live.count.value)));
  const shown = useComputed(() =>
    end.value === undefined ? live.scene.value : sceneAt(jobId, live.events, end.value),
  );
  const tab = tabs.find((name) => name === query.tab) ?? "result";
  const go = useCallback(
    (tab: Tab) => {
      const next = new URLSearchParams();
      if (tab !== "result") next.set("tab", tab);
      if (at.value !== undefined) next.set("at", String(at.value));
      route(`${path}${next.size > 0 ? `?${next}` : ""}`, true);
    },
    [path, route, at],
  );
  const settle = useCallback(() => go(tab), [go, tab]);
  const goBackTo = useCallback(
    (seq: number) => {
      at.value = seq;
      settle();
    },
    [at, settle],
  );

  const scene = shown.value;
  if (!scene)
    return (
      <Page title="Job">{live.error.value ? <Problem of={live.error.value} /> : <Skeleton lines={8} />}</Page>
    );
  const present = live.scene.value ?? scene;
  const isPast = end.value !== undefined;
  return (
    <Page
      title={scene.job.title}
      heading={
        <span class="row">
          {scene.job.title} <Status of={scene.job.status} paused={scene.job.paused !== undefined} />
        </span>
      }
      lead={<Lead job={scene.job} />}
      actions={<Actions job={present.job} onFork={() => (forking.value = true)} />}
    >
      <div class="stack job-page">
        {live.error.value && <Problem of={live.error.value} />}
        <Relations scene={scene} />
        <Notes job={scene.job} live={!isPast} />
        <ProgressCard scene={scene} live={!isPast} />
        <Waiting
          scene={scene}
          live={!isPast}
          isAnsweredBelow={tab === "result" && answeredInPlace.has(scene.job.type)}
        />
        <Replay
          at={at}
          events={live.events}
          count={live.count.value}
          ended={isTerminal(present.job.status)}
          onSettled={settle}
        />
        <Tabs
          label="Parts of the job"
          selected={tab}
          onSelect={go}
          tabs={[
            { name: "result", title: "Result" },
            { name: "steps", title: <Counted name="Steps" count={scene.steps.length} /> },
            { name: "journal", title: <Counted name="Journal" count={scene.job.seq} /> },
            { name: "input", title: "Input" },
          ]}
        />
        <div role="tabpanel" aria-label={tab}>
          {tab === "result" && <ResultOf live={live} scene={scene} />}
          {tab === "steps" && (
            <Card bare>
              <div class="card-body">
                <Steps live={live} scene={scene} isPast={isPast} />
              </div>
            </Card>
          )}
          {tab === "journal" && <Journal live={live} at={at} onGo={goBackTo} />}
          {tab === "input" && <Input live={live} />}
        </div>
      </div>
      {forking.value && <Fork live={live} at={end.value} onClose={() => (forking.value = false)} />}
    </Page>
  );
}

/** The event up to which the page is shown, as the address says; undefined for the present. */
function useMoment() {
  const { query } = useLocation();
  const asked = /^[1-9]\d*$/.test(query.at ?? "") ? Number(query.at) : undefined;
  const at = useSignal(asked);
  useEffect(() => {
    at.value = asked;
  }, [asked]);
  return at;
}

function Counted({ name, count }: { name: string; count: number }) {
  return (
    <>
      {name} <span class="faint number tally">{count}</span>
    </>
  );
}

function Input({ live }: { live: LiveJob }) {
  const { value, error, retry } = useInput(live);
  if (error) return <Problem of={error} retry={retry} />;
  return <Card>{value === undefined ? <Skeleton /> : <JsonView value={value} open={4} />}</Card>;
}

function Fork({ live, at, onClose }: { live: LiveJob; at: number | undefined; onClose: () => void }) {
  const { value, error } = useInput(live);
  const { job } = live.scene.value!;
  // The form begins with what is there, so it has to be there.
  if (value === undefined && !error) return null;
  return <ForkDialog job={job} at={at} input={value as Json | undefined} onClose={onClose} />;
}
