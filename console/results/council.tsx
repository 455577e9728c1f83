import { Card, Note, TableScroll } from "../ui/parts.tsx";
import { agreementInWords, type CouncilView, councilView, type RankingView } from "./council.ts";
import { CopyButton, Gauge, Given, Marks, ModelName, PartState, SideBySide, Written } from "./parts.tsx";
import type { CouncilInput, CouncilResult } from "./shapes.ts";
import type { Shown } from "./shown.ts";
import { useCameLater } from "./use-work.ts";

export function Council({ input, result, work }: Shown) {
  const view = councilView(input as CouncilInput | undefined, result as CouncilResult | undefined, work);
  const answerFirst = useCameLater(work);
  return (
    <div class="stack">
      {view.question && <Question view={view} />}
      {answerFirst && <Final view={view} />}
      <Answers view={view} />
      <Rankings view={view} />
      {!answerFirst && <Final view={view} />}
    </div>
  );
}

function Question({ view }: { view: CouncilView }) {
  return (
    <Card title={view.title ?? "Question"}>
      <div class="stack tight">
        <Given text={view.question} />
        <p class="small faint">
          {view.answers.length} members; {view.manner.join("; ")}
        </p>
      </div>
    </Card>
  );
}

function Final({ view }: { view: CouncilView }) {
  const { final } = view;
  const model = final.model ?? view.chairman;
  return (
    <Card
      title="The council's answer"
      actions={
        <>
          {model && <ModelName name={model} />}
          <Marks of={final} />
          {final.text && <CopyButton text={final.text} what="The council's answer" />}
        </>
      }
    >
      <div class="room">
        <Written of={final} before="The chairman writes when the rankings are in." />
      </div>
    </Card>
  );
}

function Answers({ view }: { view: CouncilView }) {
  const there = view.answers.filter(({ writing }) => writing.status === "completed").length;
  return (
    <Card
      title="Answers"
      actions={<span class="small faint number">{`${there} of ${view.answers.length}`}</span>}
    >
      <SideBySide
        label="Members"
        items={view.answers.map(({ name, writing }) => ({
          name,
          title: <ModelName name={name} />,
          aside: (
            <>
              <Marks of={writing} />
              {writing.status !== "completed" && <PartState of={writing.status} />}
            </>
          ),
          children: <Written of={writing} before="Has not begun." />,
        }))}
      />
    </Card>
  );
}

function Rankings({ view }: { view: CouncilView }) {
  const { standings, rankings } = view;
  const ranked = rankings.filter(({ status }) => status === "completed").length;
  return (
    <Card
      title="Rankings"
      actions={
        <span class="small faint number">
          {standings ? `${view.counted} counted` : `${ranked} of ${rankings.length}`}
        </span>
      }
    >
      <div class="stack">
        {standings?.length !== 0 && (
          <div class="gauge-and-rest">
            <Gauge
              label="Agreement"
              value={view.agreement}
              words={standings ? agreementInWords(view.agreement) : "to come"}
              status={tone(view.agreement)}
            />
            <Standings of={standings ?? rankings.map(() => undefined)} />
          </div>
        )}
        {view.note && <Note>{view.note}</Note>}
        <ul class="rows">
          {rankings.map((ranking) => (
            <Ballot key={ranking.name} of={ranking} />
          ))}
        </ul>
        {!standings && ranked > 0 && (
          <p class="small faint">
            Every ranker was shown the answers in an order of its own. Who is meant is shown when the votes
            are counted.
          </p>
        )}
      </div>
    </Card>
  );
}

type Standing = NonNullable<CouncilView["standings"]>[number];

/** The places are there before it is known who has which. */
function Standings({ of }: { of: (Standing | undefined)[] }) {
  return (
    <TableScroll label="Standings">
      <table class="table">
        <thead>
          <tr>
            <th class="end">Place</th>
            <th>Model</th>
            <th>Average rank</th>
            <th class="end">First places</th>
            <th class="end">Ballots</th>
          </tr>
        </thead>
        <tbody>
          {of.map((standing, index) => (
            <tr key={standing?.model ?? index}>
              <td class="end">{index + 1}</td>
              <td>{standing ? <ModelName name={standing.model} /> : <span class="faint">–</span>}</td>
              <td>
                <span class="rank number">
                  {standing?.average_rank.toFixed(2) ?? "–"}
                  <span class="rank-bar">
                    {standing && <span style={{ width: `${share(standing.average_rank, of.length)}%` }} />}
                  </span>
                </span>
              </td>
              <td class="end">{standing?.votes ?? "–"}</td>
              <td class="end">{standing?.rankings_count ?? "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}

/** A rank of 1 fills the bar, the last one leaves a trace. */
function share(rank: number, among: number): number {
  return among < 2 ? 100 : 4 + (96 * (among - rank)) / (among - 1);
}

function tone(agreement: number | null): "completed" | "waiting" | "failed" | "running" {
  if (agreement === null) return "running";
  return agreement >= 0.7 ? "completed" : agreement >= 0.3 ? "waiting" : "failed";
}

function Ballot({ of }: { of: RankingView }) {
  const { name, status, order, text, failure } = of;
  const unreadable = order?.length === 0;
  return (
    <li>
      <details>
        <summary>
          <ModelName name={name} />
          <Marks of={of} />
          {unreadable ? (
            <span class="status failed">not readable, not counted</span>
          ) : order ? (
            <span class="order">
              {order.map((model, index) => (
                <span key={model}>
                  {index + 1}. <ModelName name={model} short />
                </span>
              ))}
            </span>
          ) : (
            <PartState of={status} />
          )}
          {failure && <span class="small soft">{failure.message}</span>}
        </summary>
        <div class="row-detail">
          {text ? <p class="plain small">{text}</p> : <p class="faint small">It has said nothing yet.</p>}
        </div>
      </details>
    </li>
  );
}
