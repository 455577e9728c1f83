/** In the sentences `{q}` stands for the question, `{a}`, `{b}` and `{c}` for words of it. */
export type Speech = { opening: string[]; argument: string[]; closing: string[] };

/** How much a judge makes of what it finds in an answer. */
export type Taste = {
  coverage: number;
  reasons: number;
  examples: number;
  caution: number;
  brevity: number;
};

/** How a mock member speaks and judges. */
export type Voice = Speech & { tokensPerSecond: number; taste: Taste };

export const voices: Record<string, Voice> = {
  athena: {
    tokensPerSecond: 120,
    taste: { coverage: 3, reasons: 3, examples: 1, caution: 1, brevity: 1 },
    opening: [
      "Asked “{q}”, I would first decide what the answer is to be used for, because {a} means one thing to whoever plans and another to whoever must act.",
      "The useful way into “{q}” is to ask which decision hangs on it: {a} matters only so far as it changes what one does about {b}.",
    ],
    argument: [
      "Strategically, {a} sets the limits and {b} fills them, therefore effort spent on {b} alone is effort spent inside a frame that nobody has examined.",
      "Weigh the cost of being wrong in each direction: an error about {a} shows itself late, one about {b} shows itself at once and can be mended.",
      "Two courses remain: to hold {a} fixed and adapt {b}, or the reverse; the first is slower but leaves a way back.",
      "Whoever treats {c} as settled has made the decision already without noticing it.",
    ],
    closing: [
      "My counsel is to begin with {a}, to name beforehand what would change your mind, and to look again once {b} is known.",
      "So: decide on {a}, keep {b} open, and let the next piece of evidence, not the loudest voice, move you.",
    ],
  },
  borges: {
    tokensPerSecond: 95,
    taste: { coverage: 1, reasons: 1, examples: 3, caution: 2, brevity: 1 },
    opening: [
      "“{q}”: the question is a small labyrinth, and {a} is the door that one takes for a wall.",
      "There is an old catalogue in which {a} and {b} stand under the same heading; “{q}” may be an attempt to find that page again.",
    ],
    argument: [
      "Imagine, for example, a library in which every book on {a} is also, read backwards, a book on {b}; its reader would find our distinction provincial.",
      "We say {a} and believe that we have named a thing, but we have named a habit of looking; {c} is what the habit leaves out.",
      "The map of {b} grows until it covers {b} entirely, and then, as with all such maps, somebody must live in it.",
      "A tradition that I may be inventing holds that {c} came first and that {a} is its commentary.",
    ],
    closing: [
      "I suspect that whoever understands {b} completely would no longer ask about {a}; until then the question is the better half of the answer.",
      "Perhaps it is enough to have seen that {a} and {b} look at each other like two mirrors, and to stand to one side of them.",
    ],
  },
  curie: {
    tokensPerSecond: 110,
    taste: { coverage: 2, reasons: 2, examples: 3, caution: 3, brevity: 0 },
    opening: [
      "Before answering “{q}” I want to know what could be measured: {a} can be observed directly, {b} only by its effects.",
      "“{q}” is partly an empirical question, so let us separate what is known about {a} from what is supposed about {b}.",
    ],
    argument: [
      "A simple experiment would vary {a} while {b} is held constant, for example in 3 groups of 20, and record {c} each time.",
      "The effect of {a} is likely to be real but smaller than reported, because studies that found nothing about {b} were seldom written up.",
      "Where numbers exist they point the same way: most of the variation in {b} goes with {a}, a minor part, perhaps 10 to 20 %, with {c}.",
      "I would not trust a single observation of {c}; impurities in the sample have misled better people than us.",
    ],
    closing: [
      "In short: the evidence supports a link between {a} and {b}, does not yet show which causes which, and {c} is the next thing to measure.",
      "My conclusion is provisional and would change if somebody showed {b} without {a} under controlled conditions.",
    ],
  },
  darwin: {
    tokensPerSecond: 100,
    taste: { coverage: 2, reasons: 3, examples: 2, caution: 2, brevity: 0 },
    opening: [
      "To understand “{q}” one must ask how {a} came to be as it is, for nothing of the kind appears at once.",
      "Considering “{q}”, I am struck by the gradations: between {a} and {b} there is hardly a place at which one could draw the line.",
    ],
    argument: [
      "Small advantages accumulate: where {a} serves {b} only slightly better than its rivals, it will in time be found everywhere, because the rest is not.",
      "We see the survivors of {c} and forget the many forms that failed; the record of {a} is therefore kinder than its history.",
      "Consider, for example, how {b} varies from one place to the next while {a} remains; such a pattern speaks for descent, not for design.",
      "What looks like a purpose in {a} may be no more than what was left when {c} had done its work.",
    ],
    closing: [
      "I therefore think it probable, though I advance it with hesitation, that {b} explains {a} and not the other way round.",
      "There is grandeur in the plain answer: {a}, by slow degrees, under the pressure of {b}.",
    ],
  },
  euler: {
    tokensPerSecond: 140,
    taste: { coverage: 3, reasons: 2, examples: 0, caution: 0, brevity: 4 },
    opening: [
      "Let us state “{q}” precisely. We are given {a}; we seek {b}; everything else is ornament.",
      "The question “{q}” has two unknowns, {a} and {b}, so it needs two independent relations between them.",
    ],
    argument: [
      "First relation: if {a} grows while {c} is unchanged, {b} cannot fall; therefore the two are monotone.",
      "Second relation: in the limiting case where {a} vanishes, {b} must reduce to {c}, which it does.",
      "Counting the cases, there are 4; in 3 of them {a} decides alone, and the fourth is excluded because {c} is finite.",
      "Suppose the contrary, that {b} does not depend on {a}; then {c} could be removed without effect, which is absurd.",
    ],
    closing: [
      "Hence {b} follows from {a}, which was to be shown; the remark about {c} is left to the reader.",
      "The answer is thus determined up to a constant, and the constant is {c}.",
    ],
  },
};

/** What any of them might say between its own sentences. */
export const common: string[] = [
  "It helps to keep {a} and {b} apart here, since they are often named in one breath and behave differently.",
  "The usual objection is that {c} complicates this; it does, but it changes the size of the effect and not its direction.",
  "In practice most of the difficulty lies in {b}, because that is where different people mean different things.",
  "Someone who starts from {c} will arrive at another emphasis, and that is a reason to compare the two paths before choosing.",
  "For example, take a case in which {a} is present and {b} is not: the expected result still appears, only later.",
  "This holds for the ordinary case; at the extremes, where {c} dominates, it might have to be said more carefully.",
  "A short test of any claim about {a} is to ask what would be different tomorrow if it were false.",
  "What is seldom said about {b} is that it has a price, which is paid by whoever is responsible for {a}.",
  "Both readings of {c} are defensible; the narrower one has the advantage that it can be checked.",
  "If only one thing is to be remembered, it is that {a} comes first in time and {b} in importance.",
];

export const synthesis: Speech = {
  opening: [
    "The council was asked “{q}”. Its members come at it from different sides, yet on {a} they say much the same.",
    "Taken together, the answers to “{q}” agree more than their tone suggests: {a} is the point from which all of them start.",
  ],
  argument: [
    "Where they agree: {a} has to be cleared up before {b} can be judged, because the second is defined by the first.",
    "Where they differ: some hold {c} for the cause, others for a consequence; the rankings favour the answers that give reasons over those that give pictures.",
    "The answer that was ranked best ties {a} to {b} and says what would count against it; the lower ones leave {c} undecided.",
    "The disagreement about {c} is one of emphasis and might be settled by looking at a concrete case, for example one in which {b} is absent.",
    "Nothing in the evaluations speaks against the common ground; the doubts concern how far it reaches.",
  ],
  closing: [
    "The council's answer therefore: start from {a}, treat {b} as what follows from it, and keep {c} as the open question.",
    "In one sentence: {a} decides, {b} shows it, and about {c} an honest council says that it does not yet know.",
  ],
};
