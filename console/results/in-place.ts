/** Job types whose view has the form for what they ask, beside what the question is about. */
export const answeredInPlace: ReadonlySet<string> = new Set(["audit", "maieutic"]);
