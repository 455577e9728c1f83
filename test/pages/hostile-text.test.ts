import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { test as pageTest } from "../support/browser.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { says } from "../support/openai-server.ts";
import { scriptedServer } from "../support/scripted-server.ts";
import { xssCorpus } from "../support/xss-corpus.ts";

const vectors = Object.values(xssCorpus).flat();
const img = "<img src=x onerror=alert(1)>";

/** Models that have been taken over: whatever they are asked, they answer with an attack. */
const models = await scriptedServer();
afterAll(() => models.close());
models.script(async (response, request) => {
  const { body } = request;
  const prompt: string = body.messages.at(-1).content;
  const roads = Object.keys(xssCorpus);
  const road = roads[Number(/\d+$/.exec(String(body.model))?.[0] ?? 0) % roads.length]!;
  const text = xssCorpus[road]!.join("\n\n");
  if (String(body.model) === "broken") {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ error: { message: `${img} [x](javascript:alert(1))`, type: img, code: img } }),
    );
    return;
  }
  if (!body.response_format) {
    const title = prompt.startsWith("Name the subject");
    return says(title ? [img] : text.match(/.{1,200}/gs)!, { pauseMs: 5 })(response, request);
  }
  const labels = [...new Set([...prompt.matchAll(/label="(Response [A-Z]+)"/g)].map(([, label]) => label!))];
  const evaluations = labels.map((label) => ({
    label,
    strengths: [img, text.slice(0, 500)],
    weaknesses: [img],
  }));
  return says([JSON.stringify({ evaluations, ranking: labels })])(response, request);
});

const members = Object.keys(xssCorpus).map((_, index) => `openai:m${index}`);

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

test(`none of ${vectors.length} attacks gets through the console's markdown, under the console's own policy`, async ({
  visitor: { open, page },
  cloud,
}) => {
  await open("/jobs");
  const [deployment] = cloud.template.of("Custom::CDKBucketDeployment");
  const assets = readdirSync(
    join(cloud.template.asset(deployment!.properties.SourceObjectKeys[0]!), "assets"),
  );
  const chunk = assets.find((name) => /^markdown-.*\.js$/.test(name));

  // As a text, because the module is the page's and not the test's.
  const rendered = (await page.evaluate(`(async () => {
    const { safe } = await import("/assets/${chunk}");
    const host = document.body.appendChild(document.createElement("section"));
    const shown = [];
    for (const vector of ${JSON.stringify(vectors)}) {
      host.replaceChildren(safe(vector));
      shown.push([...host.querySelectorAll("*")].map((element) => ({
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
