// A hundred plans are approved at the same moment, while fifty other jobs are at work.
import { type Figure, median, percentile } from "./support/figures.ts";
import { reference } from "./support/load.ts";
import { print } from "./support/print.ts";
import { cpuByLabel, total } from "./support/processes.ts";
import { startSystem } from "./support/system.ts";

const approvals = 100;
const jobs = 50;
/** So many invocations carry the normal lane. */
const workers = 5;
/** Long enough for the jobs to be at work while all plans are approved. */
const callMs = 10_000;

const input = { enterprise_report_id: "load", selected_norms: ["gdpr"], models: ["mock:athena"] };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const system = await startSystem({ env: { MOCK_LATENCY_MS: "0" } });
const figures: Figure[] = [];
try {
  const client = system.client();
  const submitted = await Promise.all(Array.from({ length: approvals }, () => client.submit("audit", input)));
  const audits = submitted.map(({ job_id }) => `audit_${job_id}`);
  for (const id of audits) while (!(await client.workflows.get(id)).awaiting_human) await pause(50);
  // A worker takes the jobs of one batch together: while these keep all of them busy, full batches gather behind.
  for (let one = 0; one < workers; one += 1) await client.submit("reference", reference(1_000));
  const load = Array.from({ length: jobs }, () => client.submit("reference", reference(callMs)));
  const ids = new Set((await Promise.all(load)).map(({ job_id }) => job_id));
  const running = async () => {
    const page = await client.list({ type: "reference", status: "running", limit: 100 });
    return page.jobs.filter(({ id }) => ids.has(id)).length;
  };
  while ((await running()) < jobs) await pause(50);

  // The start of the processes that answer is another figure: cold-start.ts.
  await Promise.all(audits.map((id) => client.workflows.get(id)));

  const cpuBefore = cpuByLabel(system.pid);
  const times = await Promise.all(
    audits.map(async (id) => {
      const begunAt = performance.now();
      const { workflow_status } = await client.workflows.decide(id, { approved: true });
      if (workflow_status !== "analyzing") throw new Error(`${id} is ${workflow_status}`);
      return performance.now() - begunAt;
    }),
  );

  const cpu = cpuByLabel(system.pid);
  const perApproval = Object.fromEntries(
    Object.entries(cpu).map(([label, ms]) => [label, (ms - (cpuBefore[label] ?? 0)) / approvals]),
  );

  const at = `, ${approvals} at once while ${jobs} jobs run`;
  figures.push(
    { name: `approval p50${at}`, value: median(times), unit: "ms" },
    { name: `approval p95${at}`, value: percentile(times, 0.95), unit: "ms" },
    { name: `slowest approval${at}`, value: Math.max(...times), unit: "ms", bar: 1_000, aim: 500 },
    {
      name: "CPU an approval, with what the jobs use meanwhile",
      value: total(perApproval),
      unit: "ms",
      parts: perApproval,
    },
  );
} finally {
  await system.stop();
}
print(figures);
