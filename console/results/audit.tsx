import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { ConvokeError } from "../../client/index.ts";
import { asProblem, useResource } from "../live/resource.ts";
import { client } from "../service.ts";
import { Card, Field, Problem } from "../ui/parts.tsx";
import { Markdown } from "../ui/text.tsx";
import { Moment } from "../ui/time.tsx";
import { type AuditStatus, type AuditView, auditView, type PlanView, type SectionView } from "./audit.ts";
import {
  CopyButton,
  DownloadButton,
  Labelled,
  Marks,
  PartState,
  Points,
  type Stage,
  Stages,
  Written,
} from "./parts.tsx";
import type { AuditInput, AuditResult } from "./shapes.ts";
import type { Shown } from "./shown.ts";
import { useCameLater } from "./use-work.ts";

export function Audit({ jobId, input, result, work }: Shown) {
  const told = useSignal<{ number: number; approved: boolean } | undefined>(undefined);
  const { enterprise_report_id: reportId = "", selected_norms: norms = [] } = (input ??
    {}) as Partial<AuditInput>;
  const view = auditView(result as AuditResult | undefined, work, work.isNow ? told.value : undefined);
  const reportFirst = useCameLater(work);
  const waits = work.isNow && (work.job.status === "pending" || work.job.status === "waiting");
  return (
    <div class="stack">
      <Card title={`Audit of ${reportId}`} actions={<AuditState of={view.status} />}>
        <div class="stack">
          <Stages label="Stages of the audit" of={stagesOf(view)} />
          <p class="small soft">
            Held against {norms.join(", ")}.
            {waits && view.status !== "awaiting approval" && <Line workflowId={`audit_${jobId}`} />}
          </p>
        </div>
      </Card>
      {reportFirst && <Report view={view} reportId={reportId} />}
      {view.plans.map((plan) => (
        <Plan
          key={plan.number}
          of={plan}
          jobId={jobId}
          canDecide={work.isNow === true}
          onDecided={(approved) => {
            told.value = { number: plan.number, approved };
          }}
        />
      ))}
      {(view.status === "pending" || view.status === "planning") && (
        <Card title={`Plan ${view.plans.length + 1}`}>
          <p class="faint room">
            {view.plans.length === 0
              ? "The report is read, and a plan is made for your approval."
              : "Another plan is made, with what was said about the one before."}
          </p>
        </Card>
      )}
      {view.sections.length > 0 && <Sections view={view} justDecided={told.value?.approved === true} />}
      {!reportFirst && view.sections.length > 0 && <Report view={view} reportId={reportId} />}
      {view.notes.length > 0 && <Notes view={view} />}
    </div>
  );
}

function AuditState({ of }: { of: AuditStatus }) {
  const kinds: Partial<Record<AuditStatus, string>> = { "awaiting approval": "waiting" };
  const isPlain = of === "pending" || of === "completed" || of === "failed" || of === "cancelled";
  return <span class={`status ${kinds[of] ?? (isPlain ? of : "running")}`}>{of}</span>;
}

function stagesOf({ status, plans, sections, summary }: AuditView): Stage[] {
  const approved = plans.some(({ decision }) => decision?.approved);
  const written = sections.filter((section) => section.status === "completed").length;
  const allWritten = approved && written === sections.length;
  const over = status === "failed" || status === "cancelled";
  const at = (isDone: boolean, isNow: boolean): Stage["status"] =>
    isDone ? "completed" : isNow ? (over ? status : "running") : "pending";
  return [
    { title: "Plan", status: at(plans.length > 0 && status !== "planning", !approved) },
    {
      title: "Approval",
      status: status === "awaiting approval" ? "waiting" : at(approved, over && plans.length > 0),
    },
    {
      title: approved ? `Sections, ${written} of ${sections.length}` : "Sections",
      status: at(allWritten, approved),
    },
    { title: "Consolidation", status: at(summary.status === "completed", allWritten) },
    { title: "Report", status: at(status === "completed", summary.status === "completed") },
  ];
}

/** Three audits of a tenant are at work at the same time; the others are told their place. */
function Line({ workflowId }: { workflowId: string }) {
  const { value } = useResource((signal) => client.workflows.get(workflowId, { signal }), [workflowId], {
    everyMs: 5_000,
  });
  const place = value.value?.queue_position;
  return place ? <strong> Number {place} in the line of audits.</strong> : null;
}

function Plan({
  of,
  jobId,
  canDecide,
  onDecided,
}: {
  of: PlanView;
  jobId: string;
  canDecide: boolean;
  onDecided: (approved: boolean) => void;
}) {
  const { plan, decision, open } = of;
  const parts = <PlanParts of={of} />;
  if (!decision)
    return (
      <Card title={`Plan ${of.number || ""}`} actions={plan.fallback && <FallbackTag />}>
        <div class="stack">
          {parts}
          {open && canDecide && <Decision jobId={jobId} planId={plan.plan_id} onDecided={onDecided} />}
        </div>
      </Card>
    );
  return (
    <details class="card">
      <summary class="card-head">
        <h2>Plan {of.number || ""}</h2>
        <span class={`status ${decision.approved ? "completed" : "cancelled"}`}>
          {decision.approved ? "approved" : "rejected"}
        </span>
        {plan.fallback && <FallbackTag />}
        {decision.feedback && <span class="soft clip">“{decision.feedback}”</span>}
      </summary>
      <div class="card-body">{parts}</div>
    </details>
  );
}

function FallbackTag() {
  return (
    <span class="tag" title="The planner's answer could not be read">
      made of the catalogue
    </span>
  );
}

function PlanParts({ of: { plan } }: { of: PlanView }) {
  const { high_risk_areas: risks, mitigation_strategies: against } = plan.risk_assessment;
  return (
    <div class="stack">
      <p class="plain">{plan.overall_strategy}</p>
      <ul class="rows">
        {plan.sections.map((section) => (
          <li key={section.id}>
            <details>
              <summary>
                <span class="row-name">
                  {section.order}. {section.name}
                </span>
                <span class="tag">{section.priority} priority</span>
                <span class="soft small clip">{section.estimated_effort}</span>
              </summary>
              <div class="row-detail columns narrow">
                <Labelled label="Looks at">
                  <Points of={section.focus_areas} />
                </Labelled>
                <Labelled label="Checks">
                  <Points of={section.conformity_checks} />
                </Labelled>
                <Labelled label="May find">
                  <Points of={section.expected_findings} />
                </Labelled>
              </div>
            </details>
          </li>
        ))}
      </ul>
      <div class="columns narrow">
        <Labelled label="Risks">
          <Points of={risks} />
        </Labelled>
        <Labelled label="What is done about them">
          <Points of={against} />
        </Labelled>
        <Labelled label="Done when">
          <Points of={plan.success_criteria} />
        </Labelled>
      </div>
      <p class="small soft">Estimated duration: {plan.estimated_duration}</p>
    </div>
  );
}

function Decision({
  jobId,
  planId,
  onDecided,
}: {
  jobId: string;
  planId: string;
  onDecided: (approved: boolean) => void;
}) {
  const feedback = useSignal("");
  const sending = useSignal(false);
  const problem = useSignal<ConvokeError | undefined>(undefined);
  const decide = async (approved: boolean) => {
    sending.value = true;
    problem.value = undefined;
    const said = feedback.value.trim();
    try {
      const decision = { approved, plan_id: planId, ...(said ? { feedback: said } : {}) };
      await client.workflows.decide(`audit_${jobId}`, decision);
      // The page does not wait for a worker: the decision stands.
      onDecided(approved);
    } catch (reason) {
      problem.value = asProblem(reason);
    }
    sending.value = false;
  };
  return (
    <form
      class="stack decision"
      aria-label="Decision on the plan"
      onSubmit={(event) => {
        event.preventDefault();
        void decide(true);
      }}
    >
      <Field
        label="Feedback"
        hint="Goes into every instruction from now on. With a rejection it says what the next plan should do better."
      >
        {(attributes) => (
          <textarea
            {...attributes}
            class="input"
            rows={3}
            maxLength={4_000}
            value={feedback.value}
            onInput={(event) => {
              feedback.value = event.currentTarget.value;
            }}
          />
        )}
      </Field>
      {problem.value && <Problem of={problem.value} />}
      <div class="row">
        <button type="submit" class="button primary" disabled={sending.value}>
          Approve the plan
        </button>
        <button
          type="button"
          class="button danger"
          disabled={sending.value}
          onClick={() => void decide(false)}
        >
          Reject it
        </button>
      </div>
    </form>
  );
}

function Sections({ view, justDecided }: { view: AuditView; justDecided: boolean }) {
  const heading = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Whoever has approved is led to what that has set off.
    if (justDecided) heading.current?.focus();
  }, [justDecided]);
  const written = view.sections.filter(({ status }) => status === "completed").length;
  const isAtWork = view.status === "analyzing" || view.status === "writing";
  // Between two sections the one before keeps the place.
  const atWork = isAtWork
    ? (view.sections.find(({ agent }) => agent) ??
      view.sections.findLast(({ status }) => status === "completed") ??
      view.sections[0])
    : undefined;
  return (
    <div ref={heading} tabIndex={-1}>
      <Card
        title="Sections"
        actions={
          <span
            class="small faint number"
            role="status"
          >{`${written} of ${view.sections.length} written`}</span>
        }
      >
        <div class="stack">
          <ul class="rows">
            {view.sections.map((section) => (
              <Section key={section.id} of={section} />
            ))}
          </ul>
          {atWork && (
            <section class="beside-text short" aria-label={`${atWork.name}, as it is written`}>
              <p class="small faint">
                {atWork.name}{" "}
                {atWork.status === "completed"
                  ? "is written"
                  : atWork.agent === "writer"
                    ? "is written up"
                    : "is examined"}
              </p>
              <Written of={atWork.text} before="The findings come first." />
            </section>
          )}
          {view.errors.length > 0 && <Errors view={view} />}
        </div>
      </Card>
    </div>
  );
}

function Errors({ view }: { view: AuditView }) {
  return (
    <Labelled label="What did not work at once">
      <ul class="rows plain-rows">
        {view.errors.map(({ cycle, agent, section, code, message, at }) => (
          <li key={cycle} class="small">
            <span>
              Cycle {cycle}, {agent}
              {section && ` on ${section.replaceAll("_", " ")}`}
            </span>
            <span class={`status ${view.status === "failed" ? "failed" : "waiting"}`}>{code}</span>
            <span class="soft">{message}</span>
            <Moment at={at} />
          </li>
        ))}
      </ul>
    </Labelled>
  );
}

function Section({ of }: { of: SectionView }) {
  const { name, order, status, agent, analysis, text } = of;
  const findings = analysis?.findings ?? [];
  return (
    <li>
      <details>
        <summary>
          <span class="row-name">
            {order}. {name}
          </span>
          <PartState of={status} />
          {agent && <span class="small soft">{agent === "writer" ? "is written up" : "is examined"}</span>}
          {analysis && (
            <span class="small soft">
              {analysis.conformity}, {findings.length === 1 ? "1 finding" : `${findings.length} findings`}
            </span>
          )}
          <Marks of={text} />
        </summary>
        <div class="row-detail stack">
          {analysis && <p class="plain">{analysis.summary}</p>}
          {findings.map((finding, index) => (
            <Labelled
              key={index}
              label={finding.title}
              aside={
                <>
                  <span class={`severity ${finding.severity}`}>{finding.severity}</span>
                  <span class="tag">{finding.norm}</span>
                </>
              }
            >
              <p class="plain">{finding.evidence}</p>
              <p class="plain soft">{finding.recommendation}</p>
            </Labelled>
          ))}
          {(text.status !== "pending" || !analysis) && (
            <Labelled label="In the report">
              <Written of={text} before="It has not been its turn yet." />
            </Labelled>
          )}
        </div>
      </details>
    </li>
  );
}

function Report({ view, reportId }: { view: AuditView; reportId: string }) {
  const { report, summary } = view;
  return (
    <Card
      title="Report"
      actions={
        report !== undefined && (
          <>
            <CopyButton text={report} what="The report" />
            <DownloadButton name={`audit-${reportId}.md`} type="text/markdown" content={() => report} />
          </>
        )
      }
    >
      <div class="room">
        {report !== undefined ? (
          <Markdown text={report} />
        ) : (
          <Written
            of={summary}
            before={
              view.status === "failed" || view.status === "cancelled"
                ? "There will be none."
                : "It is put together when all sections are written."
            }
          />
        )}
      </div>
    </Card>
  );
}

function Notes({ view }: { view: AuditView }) {
  return (
    <details class="card">
      <summary class="card-head">
        <h2>How it was done</h2>
        <span class="small faint number">{view.notes.length} steps of thought and action</span>
      </summary>
      <ol class="card-body notes">
        {view.notes.map((note, index) => (
          <li key={index}>
            <span class="tag">{note.agent}</span> <strong>{note.action}</strong>{" "}
            <span class="small faint">
              <Moment at={note.timestamp} />
            </span>
            <p class="soft">{note.thought}</p>
            <p>{note.observation}</p>
          </li>
        ))}
      </ol>
    </details>
  );
}
