import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { type BuildOptions, build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const entries = ["index", "react"] as const;

/** As a page would have it: what only Node has is an error. */
const forBrowsers = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  logLevel: "silent",
} satisfies BuildOptions;

/** Bytes of each entry as a page loads it: minified and compressed. */
export async function clientSizes(): Promise<Record<(typeof entries)[number], number>> {
  const sizes = entries.map(async (entry) => {
    const { outputFiles } = await build({
      ...forBrowsers,
      entryPoints: [`client/${entry}.ts`],
      minify: true,
      write: false,
    });
    return [entry, gzipSync(outputFiles[0]!.contents, { level: 9 }).length] as const;
  });
  return Object.fromEntries(await Promise.all(sizes)) as Record<(typeof entries)[number], number>;
}

/** The client as a package of its own: ES modules without dependencies, and their types. */
export async function buildClient(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await build({
    ...forBrowsers,
    entryPoints: entries.map((entry) => `client/${entry}.ts`),
    splitting: true,
    outdir: folder,
  });
  const compiler = join(root, "node_modules", ".bin", "tsc");
  // The compiler is a script for the first node on the PATH, which may be an older one.
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  execFileSync(compiler, ["-p", "client/tsconfig.json", "--outDir", join(folder, "types")], {
    cwd: root,
    env,
    stdio: "inherit",
  });
  const { version, license, engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const manifest = {
    name: "convoke-client",
    version,
    description: "Client of a Convoke service, for browsers and Node",
    license,
    type: "module",
    engines,
    sideEffects: false,
    exports: Object.fromEntries(
      entries.map((entry) => [
        entry === "index" ? "." : `./${entry}`,
        { types: `./types/client/${entry}.d.ts`, default: `./${entry}.js` },
      ]),
    ),
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

if (import.meta.main) {
  const folder = resolve(process.argv[2] ?? join(root, "build", "client"));
  await buildClient(folder);
  console.log(`The client is in ${folder}`);
  for (const [entry, bytes] of Object.entries(await clientSizes())) {
    console.log(`${entry}: ${(bytes / 1024).toFixed(1)} KB, minified and compressed`);
  }
}
