import type { Json } from "../../core/protocol/json.ts";
import { useResource } from "../live/resource.ts";
import { client } from "../service.ts";
import { JsonView } from "../ui/json.tsx";
import { Page, Problem, Skeleton } from "../ui/parts.tsx";

export default function MetricsPage() {
  const { value, error, reload } = useResource((signal) => client.list({ limit: 100, signal }), []);
  return (
    <Page title="Metrics">
      {error.value && <Problem of={error.value} retry={reload} />}
      {value.value ? <JsonView value={value.value as unknown as Json} /> : <Skeleton />}
    </Page>
  );
}
