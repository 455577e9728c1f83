import * as z from "zod";

/** What every provider of videos understands. */
export const videoRequest = z.object({
  prompt: z.string().trim().min(1).max(4_000).meta({ description: "What is to be seen" }),
  aspect_ratio: z.enum(["16:9", "9:16"]).optional(),
  duration_seconds: z.int().min(1).max(120).optional().meta({
    description: "Veo makes 4, 6 or 8 seconds, Nova Reel 6 or a multiple of 6",
  }),
  resolution: z.enum(["720p", "1080p"]).optional(),
  seed: z.int().min(0).max(2_147_483_646).optional(),
});

export type VideoRequest = z.infer<typeof videoRequest>;
