#!/usr/bin/env node
// Plain JavaScript, so that any Node can read it and say what it lacks.
if (process.features.typescript) {
  await import("./main.ts");
} else {
  console.error(
    `convoke needs Node 22.18 or newer, this is ${process.version}. ` +
      "In a clone of the repository, `npm run convoke -- <command>` uses the Node that is installed with it.",
  );
  process.exitCode = 2;
}
