/** How deep a question goes. A dialogue goes one level down with each turn, and stays at the last. */
export const depths = [
  {
    about: "the surface of the narrative: what happened, to whom, in which order, and what is left unsaid",
    question: "What happened, told as plainly as you can, and which part of it do you keep coming back to?",
  },
  {
    about: "motives and conflicts: what those involved want, and where their wishes collide",
    question: "What did each of those involved want, and where did these wishes stand in each other's way?",
  },
  {
    about: "causes and tensions below the events: what makes something like this happen at all",
    question: "If this had not happened, what would sooner or later have brought about something like it?",
  },
  {
    about: "assumptions and the view of the world behind the telling: what is taken for granted",
    question: "What do you take for granted when you tell it this way, and what if it were not so?",
  },
  {
    about: "what is universal in it: the pattern that this shares with the stories of others",
    question: "Where else in life have you met this same pattern, and what does it ask of people?",
  },
] as const;

/** @param turn - from 0. */
export function depthOf(turn: number): number {
  return Math.min(turn, depths.length - 1);
}
