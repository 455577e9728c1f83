import { useRoute } from "preact-iso";
import { useLiveJob } from "../live/live-job.ts";
import { Page, Problem, Skeleton } from "../ui/parts.tsx";
import { Status } from "../ui/status.tsx";

export default function JobPage() {
  const { params } = useRoute();
  const { scene, count, error } = useLiveJob(params.id!);
  const shown = scene.value;
  return (
    <Page title={shown?.job.title ?? "Job"}>
      {error.value && <Problem of={error.value} />}
      {shown ? (
        <ul>
          <li>
            <Status of={shown.job.status} /> {count.value} events
          </li>
          {shown.steps.map((step) => (
            <li key={step.path}>
              {step.path} <Status of={step.status} />
            </li>
          ))}
        </ul>
      ) : (
        <Skeleton />
      )}
    </Page>
  );
}
