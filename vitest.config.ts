import { defineConfig } from "vitest/config";

/** Files that need the whole machine: they use all of its cores, or say how long something takes. */
const alone = ["test/storms/**/*.test.ts", "test/chaos/**/*.test.ts"];

/** A browser beside a cloud is as much as two cores can carry. */
const pages = ["test/pages/**/*.test.ts"];

const limits = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "parts",
          include: ["test/**/*.test.ts"],
          exclude: [...alone, ...pages],
          // A file of cloud tests has a cloud of its own: an engine, and a process for each function at work.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          ...limits,
        },
      },
      {
        test: {
          name: "pages",
          include: pages,
          globalSetup: "test/support/chromium.ts",
          // What a page shows takes as long as the machine is busy.
          expect: { poll: { timeout: 15_000 } },
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          ...limits,
        },
      },
      { test: { name: "whole", include: alone, maxWorkers: 1, sequence: { groupOrder: 3 }, ...limits } },
    ],
  },
});
