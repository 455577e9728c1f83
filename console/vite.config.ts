import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

/**
 * Leaves out the half of `marked` that makes HTML: the console makes elements of its tokens. A library's instance that is
 * made as it loads keeps all of it, whatever is imported.
 */
const lexerOnly: Plugin = {
  name: "marked-lexer-only",
  transform: {
    filter: { id: /marked\.esm\.js$/ },
    handler(code) {
      const from = code.search(/var (\w+)=new \w+;function \w+\(.*?\)\{return \1\.parse\(/);
      const names = /export\{(.*?)\}/.exec(code)?.[1]?.split(",") ?? [];
      const kept = names.filter((name) => / as (getDefaults|Lexer|Tokenizer)$/.test(name));
      if (from < 0 || kept.length !== 3)
        throw new Error("This version of marked is put together differently");
      return { code: `${code.slice(0, from)}export{${kept.join(",")}}`, map: null };
    },
  },
};

/** What is imported later brings no style sheet, and no file that is not here already: there is nothing to load before it. */
const plainImports: Plugin = {
  name: "plain-imports",
  enforce: "pre",
  load: {
    filter: { id: /^\0vite\/preload-helper/ },
    handler: () => "export const __vitePreload = (load) => load();",
  },
};

/** The page as static files, under the directory that the stack deploys and `npm start` serves. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  plugins: [lexerOnly, plainImports],
  // Also when a test builds it: what it looks at is what people get.
  oxc: { jsx: { runtime: "automatic", importSource: "preact", development: false } },
  // While the page is worked on: beside an `npm start`, whose API it borrows.
  server: {
    host: "127.0.0.1",
    proxy: { "/api": process.env.CONVOKE_URL ?? "http://127.0.0.1:4000" },
  },
  build: {
    outDir: fileURLToPath(new URL("../build/console", import.meta.url)),
    emptyOutDir: true,
    target: "es2023",
    // All that have light-dark(), which would be two variables a colour otherwise.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // An inlined file would be a data: address, which the page's content security policy allows for images only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What everything needs is one file, and not one for each pair of files that share it.
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: "library", test: /node_modules.@?preact/ }] } },
    },
  },
});
