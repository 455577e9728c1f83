import { registerHooks } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import type { Chunk, ThreadData } from "./fleet.ts";
import type { Mutant } from "./mutants.ts";

/** One thread of a fleet: storms, one after the other, on the code as it is or with one defect in it. */

const { mutant } = workerData as ThreadData;
if (mutant) plant(mutant);
const { runChunk } = await import("./chunk.ts");

parentPort!.on("message", async (chunk: Chunk) => {
  parentPort!.postMessage(await runChunk(chunk));
});
// A rejection that nobody handles is contained by the worker's own process, and is not the storm's end either.
process.on("unhandledRejection", () => {});

/** The defect exists in this thread only, between the file and the module. */
function plant({ file, find, replace }: Mutant): void {
  const url = new URL(`../../${file}`, import.meta.url).href;
  registerHooks({
    load(asked, context, next) {
      const loaded = next(asked, context);
      if (asked !== url) return loaded;
      const source = String(loaded.source);
      if (source.split(find).length !== 2) throw new Error(`${file} does not hold once: ${find}`);
      return { ...loaded, source: source.replace(find, () => replace) };
    },
  });
}
