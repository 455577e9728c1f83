import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const docs = join(import.meta.dirname, "../../docs");

/** For the simulated models: the project's own documentation, without what is not a letter of a sentence. */
export const prose = readdirSync(docs, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".md"))
  .sort()
  .map((name) => readFileSync(join(docs, name), "utf8"))
  .join(" ")
  .replace(/[^\x20-\x7e]+/g, " ")
  .slice(0, 60_000);
