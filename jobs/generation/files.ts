import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import type { ModelAnswer } from "../../core/models/model.ts";
import type { Payloads } from "../../core/payloads/payloads.ts";
import { StepFailed } from "../../core/protocol/error.ts";
import type { JobEvent } from "../../core/protocol/event.ts";

/** Of one generated file. A model's longest answer is half of it. */
export const mostFileBytes = 128 * 1024;

/** A generated file: where its content is kept, and whose it is. */
export const artifact = z.object({
  path: z.string(),
  purpose: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  ref: z.string().meta({ description: "Where the payload store keeps it" }),
  model: z.string().meta({ description: "Who wrote it" }),
  mock: z.literal(true).optional().meta({ description: "Written by a mock model" }),
});

export type Artifact = z.infer<typeof artifact>;

/** A file with its content, as the job has it at hand. */
export type Written = { artifact: Artifact; content: string };

/** The tag between which a developer is asked to put the file. */
export const fileTag = (fence: string): string => `file-${fence}`;

/**
 * The file in an answer: between the tags that were asked for, or in a code block that is all there is, or the answer
 * itself. Models forget the form, but seldom all forms.
 */
function fileIn(text: string, fence: string): string {
  const tag = fileTag(fence);
  const from = text.indexOf(`<${tag}>`);
  const to = text.lastIndexOf(`</${tag}>`);
  const tagged = from >= 0 && to > from ? text.slice(from + tag.length + 2, to) : text;
  const block = /^\s*```[^\n`]*\n([\s\S]*?\n)```\s*$/.exec(tagged);
  const content = block && !/^```/m.test(block[1]!) ? block[1]! : tagged;
  return `${content.replace(/^(\s*\n)+/, "").trimEnd()}\n`;
}

/** Half a file is none: another model may be able to write it whole. */
export function mustBeFile(fence: string) {
  return (answer: ModelAnswer): void => {
    if (answer.finish === "length")
      throw new StepFailed("file_truncated", `${answer.model} hit its limit in the middle of the file`);
    const content = fileIn(answer.text, fence);
    if (content.trim() === "") throw new StepFailed("file_empty", `${answer.model} wrote an empty file`);
    const bytes = Buffer.byteLength(content);
    if (bytes > mostFileBytes)
      throw new StepFailed(
        "file_too_large",
        `${answer.model} wrote a file of ${bytes} bytes; ${mostFileBytes} are allowed`,
      );
  };
}

/** The name of the step that keeps a file: what it returned is the file's entry in the manifest. */
const keep = "keep";

/** Puts a file that was written into the payload store, where it can be fetched while the job goes on. */
export async function kept(
  ctx: JobContext,
  payloads: Payloads,
  { path, purpose }: Pick<Artifact, "path" | "purpose">,
  answer: ModelAnswer,
  fence: string,
): Promise<Written> {
  const content = fileIn(answer.text, fence);
  const entry = await ctx.step(keep, async () => ({
    path,
    purpose,
    ...(await put(payloads, ctx.job, content)),
    model: answer.model,
    ...(answer.mock ? { mock: true as const } : {}),
  }));
  return { artifact: entry, content };
}

async function put(payloads: Payloads, job: JobContext["job"], content: string) {
  const {
    key: ref,
    bytes,
    sha256,
  } = await payloads.put(job, content, { contentType: "text/plain; charset=utf-8" });
  return { bytes, sha256, ref };
}

export const bundle = z.object({ bytes: z.int(), sha256: z.string(), ref: z.string() });

/**
 * Puts everything that was written below this job, with a zip of it. A job that began with another's outcomes thereby
 * has files of its own, which last as long as it does.
 */
export async function bundled(
  ctx: JobContext,
  payloads: Payloads,
  files: Written[],
  name: string,
): Promise<{ files: Artifact[]; bundle: z.infer<typeof bundle> }> {
  // Named after the job, so that no other job's outcome is taken for it.
  return ctx.step(`bundle-${ctx.job.jobId.slice(-12)}`, async () => {
    const own = await Promise.all(
      files.map(async ({ artifact, content }) => ({
        ...artifact,
        ...(await put(payloads, ctx.job, content)),
      })),
    );
    const { strToU8, zipSync } = await import("fflate");
    const entries = files.map(({ artifact, content }) => [artifact.path, strToU8(content)] as const);
    const zip = zipSync(Object.fromEntries(entries), { mtime: ctx.job.createdAt });
    const kind = { contentType: "application/zip", fileName: `${fileNameOf(name)}.zip` };
    const { key: ref, bytes, sha256 } = await payloads.put(ctx.job, zip, kind);
    return { files: own, bundle: { bytes, sha256, ref } };
  });
}

function fileNameOf(name: string): string {
  const plain = name.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-");
  return (
    plain
      .replace(/^-+|-+$/g, "")
      .toLowerCase()
      .slice(0, 60) || "project"
  );
}

/** The files that a job has kept so far, in the order of their first writing; of one that was fixed, the last version. */
export function keptIn(events: JobEvent[]): Artifact[] {
  const files = new Map<string, Artifact>();
  for (const event of events) {
    if (event.kind !== "step.completed" || !event.step.endsWith(`/${keep}`)) continue;
    const entry = "json" in event.result ? artifact.safeParse(event.result.json) : undefined;
    if (entry?.success) files.set(entry.data.path, entry.data);
  }
  return [...files.values()];
}
