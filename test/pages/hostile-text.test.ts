import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, expect } from "vitest";
import { instanceOf } from "../../core/models/mock-schema.ts";
import type { Json } from "../../core/protocol/json.ts";
import { test as pageTest, type Visitor } from "../support/browser.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { eventually } from "../support/eventually.ts";
import { says } from "../support/openai-server.ts";
import { scriptedServer } from "../support/scripted-server.ts";
import { xssCorpus } from "../support/xss-corpus.ts";

const vectors = Object.values(xssCorpus).flat();
const img = "<img src=x onerror=alert(1)>";

const roads = Object.values(xssCorpus).map((attacks) => attacks.join("\n\n"));

/** Models that have been taken over: whatever they are asked, they answer with attacks, in the shape that is asked for. */
const models = await scriptedServer();
afterAll(() => models.close());
models.script((response, request) => {
  const { model, messages, response_format: format } = request.body;
  if (model === "broken") {
    const error = { message: `${img} [x](javascript:alert(1))`, type: img, code: img };
    return void response
      .writeHead(400, { "content-type": "application/json" })
      .end(JSON.stringify({ error }));
  }
  const prompt: string = messages.at(-1).content;
  if (prompt.startsWith("Name the subject")) return says([img])(response, request);
  const words = format
    ? [
        JSON.stringify(
          attacked(
            instanceOf(format.json_schema.schema, {
              words: ["x"],
              random: () => 0.4,
              best: answersIn(prompt),
            }),
          ),
        ),
      ]
    : roads[Number(/\d+$/.exec(model)?.[0] ?? 0) % roads.length]!.match(/.{1,400}/gs)!;
  return says(words, { pauseMs: 5 })(response, request);
});

/** The answers that a ranking is asked for. */
function answersIn(prompt: string) {
  return [...prompt.matchAll(/label="(Response [A-Z]+)"/g)].map(([, label]) => ({ label: label!, text: "" }));
}

/** A value with an attack for every sentence that is not a name of something. */
function attacked(value: Json): Json {
  if (typeof value === "string") return / /.test(value) && !/^Response [A-Z]+$/.test(value) ? img : value;
  if (Array.isArray(value)) return value.map(attacked);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, attacked(one)]));
}

const members = roads.map((_, index) => `openai:m${index}`);

const test = pageTest.extend<{ cloud: TestCloud }>({
  cloud: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of other fixtures from this pattern
    async ({}, use) => {
      const cloud = await startTestCloud({
        environment: {
          OPENAI_BASE_URL: `${models.url}/v1`,
          OPENAI_API_KEY: "none",
          COUNCIL_MEMBERS: members.join(","),
          COUNCIL_CHAIRMEN: "openai:chair0",
          TITLE_MODEL: "openai:title0",
          WORK_MODELS: "openai:m0",
        },
      });
      await use(cloud);
      await cloud.stop();
    },
    { scope: "file" },
  ],
});

/** What markdown may become: nothing that loads, embeds, submits, styles or runs. */
const harmless = {
  tags: "p br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong del a table thead tbody tr th td sup sub".split(
    " ",
  ),
  attributes: "href title align start target rel".split(" "),
};

/** Opens a page of the console that can load the console's own component by itself, as `/markdown.js`. */
async function openWithMarkdown({ open, page }: Visitor, external: string[] = []): Promise<void> {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        export { h, render } from "preact";
        export { Markdown } from "./console/ui/text.tsx";`,
      resolveDir: join(import.meta.dirname, "../.."),
    },
    jsx: "automatic",
    jsxImportSource: "preact",
    format: "esm",
    bundle: true,
    write: false,
    external,
  });
  const body = outputFiles[0]!.text;
  await page.route("**/markdown.js", (route) => route.fulfill({ contentType: "text/javascript", body }));
  await open("/jobs");
}

test(`none of ${vectors.length} attacks gets through the console's markdown, under the console's own policy`, async ({
  visitor,
}) => {
  const { page } = visitor;
  await openWithMarkdown(visitor);

  // As a text, because the module is the page's and not the test's.
  const rendered = (await page.evaluate(`(async () => {
    const { h, render, Markdown } = await import("/markdown.js");
    const host = document.body.appendChild(document.createElement("section"));
    render(h(Markdown, { text: "*Is read*" }), host);
    while (!host.querySelector("em")) await new Promise((resolve) => setTimeout(resolve));
    const shown = [];
    for (const vector of ${JSON.stringify(vectors)}) {
      render(h(Markdown, { text: vector }), host);
      shown.push([...host.querySelectorAll(".prose *")].map((element) => ({
        tag: element.localName,
        attributes: element.getAttributeNames(),
        href: element.href,
        rel: element.rel,
        target: element.target,
      })));
      // What is going to load, run or be refused has begun by then.
      await new Promise((resolve) => setTimeout(resolve));
    }
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return shown;
  })()`)) as { tag: string; attributes: string[]; href?: string; rel?: string; target?: string }[][];

  expect(rendered).toHaveLength(vectors.length);
  // Nothing but definitions of links is nothing to see.
  expect(rendered.filter((elements) => elements.length === 0).length).toBeLessThan(5);
  for (const [index, elements] of rendered.entries()) {
    for (const { tag, attributes, href, rel, target } of elements) {
      expect(harmless.tags, vectors[index]).toContain(tag);
      for (const name of attributes) expect(harmless.attributes, vectors[index]).toContain(name);
      if (!attributes.includes("href")) continue;
      expect(href, vectors[index]).toMatch(/^https?:/);
      expect({ rel, target }, vectors[index]).toEqual({
        rel: "noopener noreferrer nofollow",
        target: "_blank",
      });
    }
  }
});

test("a text that is written to keep a page busy is shown as far as anybody writes, or else as it is", async ({
  visitor,
}) => {
  await openWithMarkdown(visitor);
  const deep = [
    `${"> ".repeat(10_000)}a`,
    "[".repeat(10_000),
    `${"*a **b ".repeat(1_500)}${"** *".repeat(1_500)}`,
  ];
  const again = Array.from({ length: 200 }, (_, index) => `${"> ".repeat(200 - index)}a`).join("\n");

  const shown = (await visitor.page.evaluate(`(async () => {
    const { h, render, Markdown } = await import("/markdown.js");
    const host = document.body.appendChild(document.createElement("section"));
    render(h(Markdown, { text: "*Is read*" }), host);
    while (!host.querySelector("em")) await new Promise((resolve) => setTimeout(resolve));
    return ${JSON.stringify([...deep, again])}.map((text) => {
      render(h(Markdown, { text }), host);
      return { plain: host.querySelector(".plain")?.textContent, length: host.textContent.length };
    });
  })()`)) as { plain?: string; length: number }[];

  for (const { plain, length } of shown.slice(0, -1)) {
    expect(plain).toBeUndefined();
    expect(length).toBeGreaterThan(1_000);
  }
  expect(shown.at(-1)!.plain).toBe(again);
});

test("a text stands there as it is where the reader of markdown cannot be loaded", async ({ visitor }) => {
  await openWithMarkdown(visitor, ["./markdown.tsx"]);
  visitor.expectComplaint(/ERR_FAILED/);
  const refused = visitor.page.waitForEvent("requestfailed");
  await visitor.page.route("**/markdown.tsx", (route) => route.abort());

  await visitor.page.evaluate(`(async () => {
    const { h, render, Markdown } = await import("/markdown.js");
    const host = document.body.appendChild(document.createElement("section"));
    render(h(Markdown, { text: "*As* it is" }), host);
  })()`);

  expect((await refused).url()).toContain("markdown.tsx");
  expect(await visitor.page.locator(".prose").innerText()).toBe("*As* it is");
});

const hostile = `${img} [x](javascript:alert(1))`;

/** Every kind of job whose words a page shows, asked by somebody who is hostile as well. */
const asked: [type: string, input: Json][] = [
  ["council", { question: hostile, criteria: [hostile] }],
  ["council", { question: hostile, members: ["openai:broken", "openai:broken"], chairman: "openai:broken" }],
  ["projection", { narrative: hostile }],
  ["translation", { text: hostile, intermediate_language: "japanese" }],
  ["maieutic", { narrative: hostile }],
  ["audit", { enterprise_report_id: hostile, selected_norms: ["ifrs"] }],
  ["generation", { name: img, description: hostile }],
];

test("nothing that models or people have written runs, loads or leads anywhere on any page", async ({
  visitor,
  cloud,
}) => {
  const { open, page } = visitor;
  const look = async (path: string) => {
    await page.locator("main h1").first().waitFor();
    await page.evaluate(() => {
      for (const details of document.querySelectorAll("details")) details.open = true;
    });
    expect(await page.evaluate(strangers), path).toEqual([]);
  };
  const shows = async (path: string) => {
    await open(path);
    const text = () => page.locator("main").innerText();
    await expect.poll(text, { timeout: 15_000, message: path }).toContain("alert(1)");
    await look(path);
  };
  const said = await cloud.client.conversations.create({ title: img });
  await cloud.client.conversations.send(said.id, hostile);
  const ids: string[] = [];
  for (const [type, input] of asked) ids.push((await cloud.client.submit(type, input)).job_id);

  // While the words arrive, and when all is said.
  await shows(`/jobs/${ids[0]}`);
  await Promise.all(
    ids.map((id) => eventually(async () => settled.includes((await cloud.client.get(id)).status), 40_000)),
  );
  for (const id of ids) {
    for (const tab of ["result", "input"]) await shows(`/jobs/${id}?tab=${tab}`);
    for (const tab of ["steps", "journal"]) {
      await open(`/jobs/${id}?tab=${tab}`);
      await look(tab);
    }
  }
  for (const path of ["/jobs", "/inbox", `/conversations/${said.id}`, `/compare/${ids[0]}/${ids[1]}`])
    await shows(path);
}, 180_000);

const settled = ["waiting", "completed", "failed"];

/** Elements of the page that no markup of ours would make. Runs in the page. */
function strangers(): string[] {
  const odd = [...document.querySelectorAll("#app *")].filter(
    (element) =>
      /^(script|iframe|object|embed|base|link|meta|style|math|frame|portal)$/.test(element.localName) ||
      element.getAttributeNames().some((name) => name.startsWith("on")) ||
      (element instanceof HTMLImageElement && new URL(element.src).origin !== location.origin) ||
      (element instanceof HTMLAnchorElement &&
        element.href !== "" &&
        (!/^https?:$/.test(element.protocol) ||
          (element.origin !== location.origin && element.rel !== "noopener noreferrer nofollow"))),
  );
  return odd.map((element) => element.outerHTML.slice(0, 200));
}
