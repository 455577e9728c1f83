import { useSignal } from "@preact/signals";
import { Card, Tabs } from "../ui/parts.tsx";
import { CopyButton, Facts, Given, Marks, ModelName, PartState, SideBySide, Written } from "./parts.tsx";
import { type PhaseView, projectionView } from "./projection.ts";
import type { ProjectionInput, ProjectionResult } from "./shapes.ts";
import type { Shown } from "./shown.ts";

export function Projection({ input, result, work }: Shown) {
  const view = projectionView(
    input as ProjectionInput | undefined,
    result as ProjectionResult | undefined,
    work,
  );
  const { setting, final, reflection, phases } = view;
  return (
    <div class="stack">
      <Card title="Narrative">
        <div class="stack">
          <Given text={view.narrative} />
          <Facts
            of={[
              ["Persona", setting.persona],
              ["Namespace", setting.namespace],
              ["Style", setting.style],
            ]}
          />
        </div>
      </Card>
      <Phases of={phases} />
      <Card
        title="Projection"
        actions={
          <>
            <Marks of={final} />
            {final.text && <CopyButton text={final.text} what="The projection" />}
          </>
        }
      >
        <div class="room">
          <Written of={final} before="It is told in the fourth phase." />
        </div>
      </Card>
      <Card title="Reflection" actions={<Marks of={reflection} />}>
        <div class="room">
          <Written of={reflection} before="It follows when the projection is there." />
        </div>
      </Card>
    </div>
  );
}

/** The phase at work is shown, until somebody looks at another one. */
function Phases({ of }: { of: PhaseView[] }) {
  const picked = useSignal<string | undefined>(undefined);
  const atWork = of.findLast(({ after }) => after.status !== "pending" && after.status !== "cancelled");
  const shown = of.find(({ name }) => name === (picked.value ?? atWork?.name)) ?? of[0]!;
  const { name, title, does, before, after } = shown;
  return (
    <Card title="Five phases">
      <div class="stack">
        <Tabs
          label="Phases"
          selected={name}
          onSelect={(phase) => {
            picked.value = phase;
          }}
          tabs={of.map((phase, index) => ({
            name: phase.name,
            title: (
              <span class={`dotted ${phase.after.status}`}>
                {index + 1}. {phase.title}
              </span>
            ),
          }))}
        />
        <p class="soft">
          {does}. {after.model && <ModelName name={after.model} />}
        </p>
        <SideBySide
          key={name}
          label={`${title}: before and after`}
          items={[
            { name: "before", title: "Before", children: <Written of={before} /> },
            {
              name: "after",
              title: "After",
              aside: (
                <>
                  <Marks of={after} />
                  <PartState of={after.status} />
                </>
              ),
              children: <Written of={after} />,
            },
          ]}
        />
      </div>
    </Card>
  );
}
