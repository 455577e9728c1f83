import * as z from "zod";

const text = z.string().max(4_000);

export const conformity = z.enum(["conforms", "conforms in part", "does not conform", "cannot be verified"]);

/** What the analyzer finds out about one cycle. */
export const analysis = z.object({
  reasoning: text,
  summary: text,
  conformity,
  findings: z
    .array(
      z.object({
        title: z.string().max(300),
        severity: z.enum(["critical", "high", "medium", "low"]),
        norm: z.string().max(300),
        evidence: text,
        recommendation: text,
      }),
    )
    .max(30),
});

export type Analysis = z.infer<typeof analysis>;
