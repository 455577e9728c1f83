import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pathsOf } from "../../../functions/api/route.ts";
import { routes } from "../../../functions/api/routes.ts";
import { door } from "./door.ts";

const anything = fc.jsonValue({ maxDepth: 6, stringUnit: "binary" });

/** Sometimes a field has the right name, so that its value is looked at. */
const nearly = fc.record(
  {
    type: fc.oneof(fc.constantFrom("oracle", "sleeper", "form"), anything),
    input: fc.oneof(fc.record({ question: fc.string() }), anything),
    content: fc.oneof(fc.string(), anything),
    title: anything,
    priority: fc.oneof(fc.constant("high"), anything),
    tags: fc.oneof(fc.array(fc.string()), anything),
    on_busy: fc.oneof(fc.constantFrom("enqueue", "reject", "interrupt"), anything),
    conversation_id: anything,
    reason: anything,
  },
  { requiredKeys: [] },
);

describe("whatever is sent", () => {
  const writing = routes.flatMap((route) => (route.method === "post" ? pathsOf(route) : []));

  test.each(writing)("to %s is done or refused, and never breaks anything", async (path) => {
    const { post } = await door();
    const conversation = (await post("/api/conversations")).body.id;

    await fc.assert(
      fc.asyncProperty(fc.oneof(nearly, anything), async (body) => {
        const { status } = await post(path.replace("{id}", conversation), body);
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 150 },
    );
  });

  test("as bytes is JSON or refused", async () => {
    const { ask } = await door();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        const { status } = await ask("POST", "/api/jobs", { raw: Buffer.from(bytes) });
        expect(status).toBe(400);
      }),
      { numRuns: 300 },
    );
  });

  test("as an id, a query or a key is understood or refused", async () => {
    const { ask } = await door();
    const text = fc.oneof(fc.string(), fc.webPath(), fc.webQueryParameters());
    await fc.assert(
      fc.asyncProperty(text, text, fc.string(), async (id, query, key) => {
        for (const path of [
          `/api/jobs/${encodeURIComponent(id)}?${query}`,
          `/api/jobs/x/events?after=${encodeURIComponent(query)}`,
          `/api/jobs?cursor=${encodeURIComponent(query)}`,
        ]) {
          expect((await ask("GET", path)).status).toBeLessThan(500);
          const header = [...key].filter((letter) => letter >= " " && letter <= "~").join("");
          const stranger = await ask("GET", path, { key: header });
          expect([401, 404]).toContain(stranger.status);
        }
      }),
      { numRuns: 200 },
    );
  });
});
