import type { JobStatus } from "../../client/index.ts";
import { useResource } from "../live/resource.ts";
import { client } from "../service.ts";
import { Card } from "../ui/parts.tsx";
import { Bar } from "../ui/status.tsx";
import { childrenOf } from "./batch.ts";
import { PartState } from "./parts.tsx";
import type { BatchInput, BatchResult } from "./shapes.ts";
import type { Shown } from "./shown.ts";

/** So many are asked how they stand; of the others it is seen when they have ended. */
const mostAsked = 12;

export function Batch({ input, result, work }: Shown) {
  const children = childrenOf(input as BatchInput | undefined, result as BatchResult | undefined, work);
  const ended = children.filter(({ status }) => status === "completed" || status === "failed");
  const failed = children.filter(({ status }) => status === "failed").length;
  const atWork = children.filter(({ status }) => status === "waiting").slice(0, mostAsked);
  return (
    <Card
      title="Jobs"
      actions={
        <span class="small faint number">
          {`${ended.length} of ${children.length} have ended`}
          {failed > 0 && `, ${failed} failed`}
        </span>
      }
    >
      <ul class="rows plain-rows">
        {children.map((child) => (
          <li key={child.index}>
            <span class="row-name">
              {child.id ? <a href={`/jobs/${child.id}`}>{child.title}</a> : child.title}
            </span>
            <span class="tag">{child.type}</span>
            {work.isNow && child.id && atWork.includes(child) ? (
              <AtWork id={child.id} title={child.title} />
            ) : (
              <PartState of={child.status === "waiting" ? "running" : child.status} />
            )}
            {child.error && <span class="small soft">{child.error}</span>}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function AtWork({ id, title }: { id: string; title: string }) {
  const { value } = useResource((signal) => client.get(id, { signal }), [id], { everyMs: 3_000 });
  const job = value.value;
  const status: JobStatus = job?.status ?? "pending";
  return (
    <>
      <span class={`status ${status}`}>{status}</span>
      <span class="row-measure">
        <Bar percentage={job?.progress?.percentage ?? 0} status={status} label={`Progress of ${title}`} />
        <span class="number small">{Math.round(job?.progress?.percentage ?? 0)} %</span>
      </span>
      <span class="small soft clip">{job?.progress?.current_step}</span>
    </>
  );
}
