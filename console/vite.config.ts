import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The page as static files, under the directory that the stack deploys and `npm start` serves. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
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
  },
});
