import { capital, Found, Gauge, Labelled, Marks, PartState, Points, SideBySide, Written } from "./parts.tsx";
import { driftInWords, type RoundTripView } from "./round-trip.ts";
import type { Writing } from "./work.ts";

/** The three texts, how far the last one is from the first, and what became of what was said. */
export function RoundTripParts({ of }: { of: RoundTripView }) {
  const { source, intermediate, original, there, back, drift, elements, language } = of;
  return (
    <div class="stack">
      <SideBySide
        label={`Texts through ${capital(intermediate)}`}
        short={(original.text ?? "").length < 400}
        items={[
          { name: "original", title: `Original (${capital(source)})`, children: <Written of={original} /> },
          text("translation", `In ${capital(intermediate)}`, there),
          text("returned", `Back in ${capital(source)}`, back),
        ]}
      />
      <div class="gauge-and-rest">
        <Gauge label="Semantic drift" value={drift} words={driftInWords(drift)} status={driftStatus(drift)} />
        <div class="columns narrow">
          {(["preserved", "lost", "gained"] as const).map((kind) => (
            <Labelled key={kind} label={headings[kind]}>
              <Found of={elements ? elements[kind] : elements} kind={kind} />
            </Labelled>
          ))}
        </div>
      </div>
      {language && (
        <div class="columns narrow">
          <Labelled label="Tone">{language.tone_change}</Labelled>
          <Labelled label="Style">{language.style_change}</Labelled>
          <Labelled label="Complexity">{capital(language.complexity_change.replace("_", " "))}</Labelled>
          <Labelled label="Changes of structure">
            <Points of={language.structural_changes} />
          </Labelled>
          <Labelled label="Patterns">
            <Points of={language.notable_patterns} />
          </Labelled>
        </div>
      )}
    </div>
  );
}

const headings = { preserved: "Preserved", lost: "Lost", gained: "Gained" };

function text(name: string, title: string, of: Writing) {
  return {
    name,
    title,
    aside: (
      <>
        <Marks of={of} />
        {of.status !== "completed" && <PartState of={of.status} />}
      </>
    ),
    children: <Written of={of} />,
  };
}

/** The same colours for the same drift, wherever it is shown. */
export function driftStatus(
  drift: number | null | undefined,
): "running" | "completed" | "waiting" | "failed" {
  if (typeof drift !== "number") return "running";
  return drift < 0.25 ? "completed" : drift < 0.5 ? "waiting" : "failed";
}
