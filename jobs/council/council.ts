import type { JobContext, StepMarks } from "../../core/engine/context.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import type { ChatMessage, ModelAnswer, ModelRequest } from "../../core/models/model.ts";
import { StepError, StepFailed } from "../../core/protocol/error.ts";
import { mustSaySomething } from "../shared/ask-model.ts";
import { fenceFor } from "../shared/quoting.ts";
import { aggregate, agreement, type Standing } from "./aggregate.ts";
import { type Answer, type Ballot, ballotFor, labelAt, type Marks } from "./ballots.ts";
import { earlierExchanges } from "./history.ts";
import {
  type Council,
  type CouncilInput,
  convene,
  convened,
  councilInput,
  type Member,
  membersOf,
  mocksOf,
} from "./input.ts";
import { chairmanPrompt, rankingPrompt } from "./prompts.ts";
import { type Ranking, rankingSchema, readRanking } from "./ranking.ts";
import { type CouncilResult, councilResult, type Outcome, report, type Tally } from "./result.ts";
import { Scoreboard } from "./scoreboard.ts";
import { findTitle, shorten } from "./title.ts";

/** What all stages of one council have in common. */
type Session = {
  council: Council;
  members: Member[];
  history: ChatMessage[];
  fence: string;
  scoreboard: Scoreboard;
};

/** Several models answer, rank each other's answers without knowing whose they are, and a chairman sums up. */
export const council = defineJob<CouncilInput, CouncilResult>({
  type: "council",
  version: 1,
  summary: "Several models answer a question and rank each other's answers; a chairman writes the final one",
  input: councilInput,
  result: councilResult,
  example: { question: "Why is the sky blue?" },
  prepare: convene,
  title: ({ question }) => shorten(question.replace(/\s+/g, " ")),
  description: ({ question }) => shorten(question, 200),

  async run(ctx, input, { conversations }) {
    const council = convened(input);
    const session: Session = {
      council,
      members: membersOf(council),
      history: await earlierExchanges(ctx, conversations),
      fence: fenceFor(ctx.job.jobId),
      scoreboard: new Scoreboard((progress) => ctx.progress(progress)),
    };
    const isFollowUp = (ctx.job.conversation?.message ?? 1) > 1;

    const title = isFollowUp ? null : findTitle(ctx, council);
    const answers = await collectAnswers(ctx, session);
    const rankings = await rankAnswers(ctx, session, answers.got);
    const tally = count(answers.got, rankings.got);
    const final = await synthesise(ctx, session, answers.got, rankings.got, tally.standings);

    const result = report({ answers, rankings, tally, final, title: await title });
    session.scoreboard.end(`${final.model} has written the council's answer`);
    return result;
  },

  reply: ({ title, ...data }) => ({ content: data.stage3.response, data, ...(title ? { title } : {}) }),
});

/** Stage 1: every member answers by itself. Goes on with those that did, if they are a quorum, or may be made up to one. */
async function collectAnswers(ctx: JobContext, session: Session): Promise<Outcome<Answer>> {
  const { council, members } = session;
  const own = await askForAnswers(ctx, session, members);
  const mocks = mocksOf(council, council.quorum - own.got.length);
  const others = mocks.length > 0 ? await askForAnswers(ctx, session, mocks, { degraded: true }) : none;
  const [got, lost] = [
    [...own.got, ...others.got],
    [...own.lost, ...others.lost],
  ];
  if (got.length < council.quorum) throw quorumNotReached(council, got.length, lost);
  const answers = got.map(({ member, answer }, index) => ({
    member,
    label: labelAt(index),
    text: answer.text,
    ...marksOf(answer),
  }));
  return { got: answers, lost };
}

const none = { got: [], lost: [] };

function askForAnswers(
  ctx: JobContext,
  { council, members, history, scoreboard }: Session,
  asked: Member[],
  marks: StepMarks = {},
) {
  scoreboard.begin({
    title: "Collecting answers",
    done: "have answered",
    asked,
    stillToCome: members.length + 1,
  });
  return inParallel(ctx, scoreboard, "stage1", asked, (scope, member) =>
    scope.stream(
      member.step,
      {
        model: member.model,
        ...(member.system ? { system: member.system } : {}),
        messages: [...history, { role: "user", content: council.question }],
        maxOutputTokens: 4_096,
      },
      { check: mustSaySomething, marks },
    ),
  );
}

function quorumNotReached(council: Council, answered: number, lost: Outcome<Answer>["lost"]): StepFailed {
  const outcome =
    answered === 0
      ? "All models failed to respond"
      : `Only ${answered} of ${council.members.length} models answered and the council needs ${council.quorum}`;
  const reasons = lost.map(({ model, code, message }) => `${model}: ${message} (${code})`);
  return new StepFailed("quorum_not_reached", `${outcome}. ${reasons.join("; ")}`, {
    details: { failures: lost },
  });
}

/** Stage 2: every member that answered ranks the answers, on a ballot of its own. A single answer needs no ranking. */
async function rankAnswers(ctx: JobContext, session: Session, answers: Answer[]): Promise<Outcome<Ranking>> {
  if (answers.length < 2) return { got: [], lost: [] };
  const rankers = answers.map((answer) => answer.member);
  session.scoreboard.begin({
    title: "Ranking the answers",
    done: "have ranked",
    asked: rankers,
    stillToCome: 1,
  });
  const ballotOf = (ranker: Member) =>
    ballotFor(ctx.job.jobId, ranker, answers, { excludeSelf: session.council.exclude_self });
  const { got, lost } = await inParallel(ctx, session.scoreboard, "stage2", rankers, (scope, ranker) =>
    askForRanking(scope, session, ballotOf(ranker)),
  );
  const rankings = got.map(({ member, answer }) => ({
    ...readRanking(ballotOf(member), answer),
    ...marksOf(answer),
  }));
  if (rankings.some((ranking) => ranking.order.length === 0)) ctx.degraded();
  return { got: rankings, lost };
}

/**
 * Asks for a ranking in a given shape, and takes a text too. A request that is refused because of the shape, which not
 * every provider knows, is made once more without: this member has answered before, so it is not its key or its name.
 */
async function askForRanking(
  scope: JobContext,
  { council, history, fence }: Session,
  ballot: Ballot,
): Promise<ModelAnswer> {
  const { ranker, entries } = ballot;
  const { question, criteria } = council;
  const request: ModelRequest = {
    model: ranker.model,
    messages: [...history, { role: "user", content: rankingPrompt(ballot, { question, criteria, fence }) }],
    maxOutputTokens: 4_096,
  };
  const schema = rankingSchema(entries.map((entry) => entry.label));
  try {
    return await scope.generate(ranker.step, { ...request, schema }, { check: mustSaySomething });
  } catch (error) {
    if (!(error instanceof StepError) || error.code !== "model_rejected") throw error;
    return scope.generate(ranker.step, request, { check: mustSaySomething });
  }
}

function count(answers: Answer[], rankings: Ranking[]): Tally {
  const names = (some: Answer[]) => some.map((answer) => answer.member.name);
  const votes = rankings
    .filter((ranking) => ranking.order.length > 0)
    .map(({ ballot, order }) => ({
      candidates: names(ballot.entries.map((entry) => entry.answer)),
      order: names(order),
    }));
  return { standings: aggregate(names(answers), votes), agreement: agreement(votes), counted: votes.length };
}

/**
 * Stage 3: the chairman writes the council's answer, or who stands in for it. When none can, the job fails: an error
 * text in the place of an answer would be taken for one. Answers and rankings stay readable in the job's events.
 */
async function synthesise(
  ctx: JobContext,
  { council, history, fence, scoreboard }: Session,
  answers: Answer[],
  rankings: Ranking[],
  standings: Standing[],
): Promise<CouncilResult["stage3"]> {
  const { chairman, chairmen, question, anonymous_chairman: anonymous } = council;
  const chair = { name: chairman, model: chairman, step: "stage3" };
  scoreboard.begin({
    title: "Writing the final answer",
    done: "have written",
    asked: [chair],
    stillToCome: 0,
  });
  try {
    const answer = await ctx.stream(
      "stage3",
      {
        model: chairman,
        messages: [
          ...history,
          {
            role: "user",
            content: chairmanPrompt({ answers, rankings, standings }, { question, fence, anonymous }),
          },
        ],
        maxOutputTokens: 8_192,
      },
      { fallback: chairmen, check: mustSaySomething },
    );
    return { model: answer.model, response: answer.text, ...marksOf(answer) };
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    const asked = [chairman, ...chairmen].join(", ");
    throw new StepFailed(
      "synthesis_failed",
      `No chairman could write the final answer (asked: ${asked}). ${error.message} (${error.code})`,
      { cause: error },
    );
  }
}

/** Asks all members at once. Whoever fails for good is lost to this stage, with the reason, and nobody else is. */
async function inParallel(
  ctx: JobContext,
  scoreboard: Scoreboard,
  stage: "stage1" | "stage2",
  members: Member[],
  ask: (scope: JobContext, member: Member) => Promise<ModelAnswer>,
): Promise<Outcome<{ member: Member; answer: ModelAnswer }>> {
  const one = async (scope: JobContext, member: Member) => {
    try {
      const answer = await ask(scope, member);
      scoreboard.hasArrived(member);
      return { got: [{ member, answer }], lost: [] };
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      scoreboard.hasFailed(member);
      return { got: [], lost: [{ stage, model: member.name, code: error.code, message: error.message }] };
    }
  };
  const outcomes = await ctx.runInChildContext(stage, (scope) =>
    Promise.all(members.map((member) => one(scope, member))),
  );
  const lost = outcomes.flatMap((outcome) => outcome.lost);
  if (lost.length > 0) ctx.degraded();
  return { got: outcomes.flatMap((outcome) => outcome.got), lost };
}

function marksOf(answer: ModelAnswer): Marks {
  return {
    ...(answer.finish === "length" ? { truncated: true } : {}),
    ...(answer.mock ? { mock: true } : {}),
  };
}
