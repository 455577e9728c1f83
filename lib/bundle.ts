import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";

export const functionNames = ["api", "worker", "progress", "sockets", "sweeper"] as const;
export type FunctionName = (typeof functionNames)[number];

/** A folder that is one function's code, whole: its entry point and the chunks that it reaches. */
type Bundle = {
  directory: string;
  handler: string;
  /** Names of the npm packages that are in it. */
  packages: string[];
};
export type Bundles = Record<FunctionName, Bundle>;

type Output = Metafile["outputs"][string];

const root = resolve(import.meta.dirname, "..");

/** zod drags in the error texts of all its languages wherever it is imported by name. English is enough: 257 kB less. */
const englishOnly: Plugin = {
  name: "english-only",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /locales\/index\.js$/ }, ({ path, importer, resolveDir, kind }) =>
      /[\\/]zod[\\/]/.test(importer)
        ? resolve(path.replace("index.js", "en.js"), { resolveDir, importer, kind })
        : undefined,
    );
  },
};

/** Has the functions find another registry of job types where they import their own. */
function jobsFrom(path: string): Plugin {
  return {
    name: "jobs-from",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.\/\.\.\/jobs\/index\.ts$/ }, () => ({ path: resolve(root, path) }));
    },
  };
}

/** Packages that are still CommonJS call `require`, which an ES module does not have. */
const banner = 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);';

/**
 * Builds all functions in one call, so that what they share is parsed once, and lays out each one's folder.
 *
 * Splitting is not only for sharing: without it, lazily imported code runs before what it depends on, and the SDK's
 * unused credential providers are parsed at every cold start.
 * @param outdir - receives one folder per function.
 * @param jobs - a module that exports `jobs`, from the project's root.
 */
export async function bundle(outdir: string, jobs = "jobs/index.ts"): Promise<Bundles> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(functionNames.map((name) => [name, `functions/${name}/handler.ts`])),
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    splitting: true,
    minify: true,
    sourcemap: "linked",
    sourcesContent: false,
    platform: "node",
    target: "node24",
    // The SDK's CommonJS build, which `main` names, is half as large again.
    mainFields: ["module", "main"],
    banner: { js: banner },
    plugins: [englishOnly, jobsFrom(jobs)],
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "warning",
  });
  const contents = new Map(outputFiles.map((file) => [basename(file.path), file.contents]));
  const bundles = {} as Bundles;
  for (const name of functionNames) {
    const directory = join(outdir, name);
    // What an earlier build left would be deployed with it.
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const files = reachable(metafile, `${name}.mjs`);
    for (const file of files.keys()) {
      await writeFile(join(directory, file), contents.get(file)!);
      await writeFile(join(directory, `${file}.map`), contents.get(`${file}.map`)!);
    }
    bundles[name] = { directory, handler: `${name}.handler`, packages: packagesOf([...files.values()]) };
  }
  return bundles;
}

/** What a function may load, now or lazily. All outputs lie side by side, so their base names are enough. */
function reachable(metafile: Metafile, entry: string): Map<string, Output> {
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]));
  const found = new Map<string, Output>();
  const visit = (file: string): void => {
    if (found.has(file)) return;
    const output = outputs.get(file)!;
    found.set(file, output);
    for (const { path, external } of output.imports) if (!external) visit(basename(path));
  };
  visit(entry);
  return found;
}

function packagesOf(outputs: Output[]): string[] {
  const names = outputs
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set(names)].sort();
}
