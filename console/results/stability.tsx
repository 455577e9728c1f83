import { Card, Note } from "../ui/parts.tsx";
import { Bar } from "../ui/status.tsx";
import { capital, Found, Gauge, Given, Labelled, PartState } from "./parts.tsx";
import { driftInWords, stabilityView } from "./round-trip.ts";
import { driftStatus, RoundTripParts } from "./round-trip.tsx";
import type { StabilityInput, StabilityResult } from "./shapes.ts";
import type { Shown } from "./shown.ts";

export function Stability({ input, result, work }: Shown) {
  const view = stabilityView(
    input as StabilityInput | undefined,
    result as StabilityResult | undefined,
    work,
  );
  const { core } = view;
  const back = view.languages.filter(({ state }) => state === "completed").length;
  return (
    <div class="stack">
      <Card title="What stays">
        <div class="stack">
          <Given text={view.original} />
          <div class="gauge-and-rest">
            <Gauge
              label="Stability"
              value={view.score}
              words={stabilityInWords(view.score)}
              status={typeof view.score === "number" ? driftStatus(1 - view.score) : "running"}
            />
            <div class="columns narrow">
              <Labelled label="Stable in every language">
                <Found of={core ? core.stable : core} kind="preserved" />
              </Labelled>
              <Labelled label="Volatile">
                <Found of={core ? core.volatile : core} kind="lost" />
              </Labelled>
            </div>
          </div>
        </div>
      </Card>
      <Card
        title="Languages"
        actions={<span class="small faint number">{`${back} of ${view.languages.length}`}</span>}
      >
        <ul class="rows">
          {view.languages.map(({ language, trip, drift, state, error }) => (
            <li key={language}>
              <details>
                <summary>
                  <span class="row-name">{capital(language)}</span>
                  <PartState of={state} />
                  <span class="row-measure">
                    {typeof drift === "number" && (
                      <>
                        <Bar
                          percentage={100 * drift}
                          status={driftStatus(drift)}
                          label={`Drift through ${capital(language)}`}
                        />
                        <span class="number">{drift.toFixed(2)}</span>
                      </>
                    )}
                  </span>
                  <span class="soft small">{error ? error.message : `drift: ${driftInWords(drift)}`}</span>
                </summary>
                <div class="row-detail">
                  {error && (
                    <Note status="failed">
                      {error.message} <code class="small">{error.code}</code>
                    </Note>
                  )}
                  <RoundTripParts of={trip} />
                </div>
              </details>
            </li>
          ))}
        </ul>
      </Card>
    </div>
  );
}

function stabilityInWords(score: number | null | undefined): string {
  if (score === undefined) return "to come";
  if (score === null) return "could not be scored";
  if (score >= 0.9) return "very stable";
  if (score >= 0.75) return "stable";
  return score >= 0.5 ? "shaky" : "hardly stable";
}
