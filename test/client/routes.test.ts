import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type * as z from "zod";
import { type Convoke, convoke, type JobSummary, type JobView } from "../../client/index.ts";
import { apiTypes } from "../../client/write-api.ts";
import type { AnyRoute } from "../../functions/api/route.ts";
import { routes } from "../../functions/api/routes.ts";
import type * as schemas from "../../functions/api/schemas.ts";
import { soon } from "../support/soon.ts";

type Sent = { method: string; url: URL; body: unknown; headers: Headers };

/** The client, and what it sends. Every answer is the same: here it matters what is asked. */
function recorded(answer: unknown = { job_id: "j1", status: "pending" }) {
  const sent: Sent[] = [];
  const client = convoke({
    url: "http://convoke.test",
    key: "key",
    fetch: async (input, init) => {
      const body = typeof init?.body === "string" ? JSON.parse(init.body) : undefined;
      sent.push({
        method: init?.method ?? "GET",
        url: new URL(String(input)),
        body,
        headers: new Headers(init?.headers),
      });
      return new Response(JSON.stringify(answer), { headers: { "content-type": "application/json" } });
    },
  });
  return { client, sent };
}

const callbackId = `j1.${"a".repeat(16)}`;
const event = { seq: 1, at: "2026-01-01T00:00:00.000Z", kind: "job.submitted" as const };
const ref = { key: "k", bytes: 9, sha256: "0".repeat(64) };
const patience = { signal: AbortSignal.timeout(60_000) };

/** One call for each route, with as much as it takes. */
const calls: Record<string, (client: Convoke) => unknown> = {
  "GET /api/health": (client) => client.health(),
  "GET /api/errors": (client) => client.errors(),
  "POST /api/ws-ticket": (client) => client.connect(),
  "GET /api/keys/current": (client) => client.caller(),
  "GET /api/job-types": (client) => client.jobTypes(),
  "POST /api/jobs": (client) =>
    client.submit(
      "council",
      { question: "Why?" },
      {
        title: "Why",
        priority: "high",
        tags: ["a"],
        budget: { max_steps: 3 },
        run_at: new Date(0),
        start_by: "2030-01-01T00:00:00Z",
        depends_on: ["j0"],
        on_dependency_failure: "skip",
        cache: { ttl_seconds: 60 },
        single_flight: true,
        conversation_id: "c1",
        on_busy: "reject",
        notify: { url: "https://example.com" },
      },
    ),
  "GET /api/jobs": (client) =>
    client.list({
      status: "failed",
      type: "council",
      tag: "a",
      created_before: new Date(0),
      limit: 3,
      cursor: "c",
    }),
  "GET /api/jobs/{id}": (client) => client.get("j1"),
  "POST /api/jobs/{id}/cancel": (client) => client.cancel("j1", { reason: "enough" }),
  "GET /api/jobs/{id}/events": (client) => client.events("j1", { after: 2, limit: 5, wait: 10 }),
  "POST /api/batches": (client) => client.batch([{ type: "sleep", input: { seconds: 0 } }], { title: "Two" }),
  "POST /api/jobs/{id}/pause": (client) => client.pause("j1", { reason: "later" }),
  "POST /api/jobs/{id}/resume": (client) => client.resume("j1"),
  "POST /api/jobs/{id}/retry": (client) => client.retry("j1"),
  "POST /api/jobs/{id}/fork": (client) =>
    client.fork("j1", { after_seq: 4, input: { question: null }, tags: ["b"] }),
  "POST /api/jobs/cancel": (client) =>
    client.cancelMany({ type: "council", created_before: new Date(0) }, { reason: "x" }),
  "POST /api/jobs/retry": (client) => client.retryMany({ ids: ["j1"] }),
  "POST /api/videos": (client) =>
    client.videos.create({ prompt: "Rain", notify: { url: "https://example.com" } }),
  "GET /api/videos/{id}": (client) => client.videos.get("j1"),
  "GET /api/videos/{id}/content": (client) => client.videos.content("j1"),
  "GET /api/webhook-secrets": (client) => client.webhookSecrets(),
  "POST /api/callbacks/{callback_id}": (client) => client.answer(callbackId, { result: "yes" }),
  "POST /api/callbacks/{callback_id}/heartbeat": (client) => client.heartbeat(callbackId),
  "GET /api/inbox": (client) => client.inbox({ limit: 2, cursor: "c" }),
  "PATCH /api/jobs/{id}/budget": (client) => client.changeBudget("j1", { max_steps: 9, max_tokens: null }),
  "POST /api/uploads": (client) => client.submit("council", { question: "x".repeat(200_000) }),
  "GET /api/jobs/{id}/result": (client) => client.result("j1"),
  "GET /api/jobs/{id}/events/{seq}/value": (client) =>
    client.value("j1", { ...event, input_ref: ref }, { signal: AbortSignal.timeout(50) }),
  "GET /api/jobs/{id}/bundle": (client) => client.bundle("j1"),
  "GET /api/jobs/{id}/journal": (client) => client.journal("j1", patience).next(),
  "POST /api/conversations": (client) => client.conversations.create({ title: "Sky" }),
  "GET /api/conversations": (client) => client.conversations.list({ limit: 3 }),
  "GET /api/conversations/{id}": (client) => client.conversations.get("c1", { after: 2 }),
  "POST /api/conversations/{id}/messages": (client) =>
    client.conversations.send("c1", "Why?", {
      on_busy: "interrupt",
      type: "router",
      input: { members: [] },
      priority: "low",
    }),
  "POST /api/schedules": (client) =>
    client.schedules.create({
      name: "Daily",
      type: "council",
      input: {},
      cron: "0 7 * * *",
      timezone: "Europe/Paris",
    }),
  "GET /api/schedules": (client) => client.schedules.list(),
  "GET /api/next-moments": (client) => client.schedules.next("0 7 * * *", { timezone: "Europe/Paris" }),
  "GET /api/schedules/{id}": (client) => client.schedules.get("s1"),
  "PATCH /api/schedules/{id}": (client) => client.schedules.change("s1", { end_at: null }),
  "DELETE /api/schedules/{id}": (client) => client.schedules.delete("s1"),
  "POST /api/schedules/{id}/pause": (client) => client.schedules.pause("s1"),
  "POST /api/schedules/{id}/resume": (client) => client.schedules.resume("s1"),
  "POST /api/schedules/{id}/run": (client) => client.schedules.run("s1"),
  "POST /api/projection/create": (client) =>
    client.projections.create({ narrative: "Once", persona: "critic" }),
  "GET /api/projection/{id}": (client) => client.projections.get("j1"),
  "GET /api/projections/search": (client) => client.projections.search("rain", { limit: 3 }),
  "POST /api/translation/round-trip": (client) =>
    client.translations.roundTrip({ text: "Home", intermediate_language: "french" }),
  "POST /api/translation/stability-analysis": (client) => client.translations.stability({ text: "Home" }),
  "GET /api/translation/supported-languages": (client) => client.translations.languages(),
  "POST /api/maieutic/start": (client) => client.maieutic.start({ narrative: "Once" }),
  "GET /api/maieutic/{id}": (client) => client.maieutic.get("j1"),
  "POST /api/maieutic/{id}/question": (client) => client.maieutic.question("j1", { wait: 5 }),
  "POST /api/maieutic/{id}/answer": (client) => client.maieutic.answer("j1", { answer: "Because", turn: 1 }),
  "GET /api/config": (client) => client.configuration.all(),
  "GET /api/config/system-prompt": (client) =>
    client.configuration.systemPrompt({ context: "audits", wait: 3 }),
  "GET /api/config/{attribute}": (client) => client.configuration.get("persona"),
  "PUT /api/config/{attribute}/{field}": (client) =>
    client.configuration.set("persona", "tone", { value: "dry", version: 2 }),
  "DELETE /api/config/{attribute}/{field}": (client) =>
    client.configuration.remove("persona", "tone", { version: 3 }),
  "POST /api/config/{attribute}/generate-field": (client) =>
    client.configuration.generateField("persona", { field: "tone" }),
  "GET /api/norms": (client) => client.workflows.norms(),
  "GET /api/audit-cycles": (client) => client.workflows.cycles(),
  "POST /api/workflows": (client) =>
    client.workflows.start({ enterprise_report_id: "r1", selected_norms: ["ifrs"] }),
  "DELETE /api/workflows/{workflow_id}": (client) => client.workflows.cancel("audit_j1"),
  "POST /api/workflows/{workflow_id}/approve": (client) =>
    client.workflows.decide("audit_j1", { approved: false, feedback: "Shorter", plan_id: "plan_1" }),
  "GET /api/workflows/{workflow_id}/status/live": (client) => client.workflows.get("audit_j1"),
  "POST /api/workflows/{workflow_id}/progress": (client) => client.workflows.progress("audit_j1"),
  "POST /api/workflows/{workflow_id}/feedback": (client) => client.workflows.feedback("audit_j1", "Shorter"),
  "GET /api/workflows/{workflow_id}/plan": (client) => client.workflows.plan("audit_j1"),
  "GET /api/workflows/{workflow_id}/report": (client) => client.workflows.report("audit_j1"),
  "GET /api/workflows/{workflow_id}/react_steps": (client) => client.workflows.steps("audit_j1"),
  "POST /api/projects": (client) => client.projects.create({ name: "Greeter", description: "Greets" }),
  "GET /api/projects": (client) => client.projects.list(),
  "GET /api/projects/{id}": (client) => client.projects.get("p1"),
  "POST /api/projects/{id}/generate": (client) =>
    client.projects.generate("p1", { fresh: true, priority: "low" }),
  "GET /api/projects/{id}/files": (client) => client.projects.files("p1"),
  "GET /api/projects/{id}/files/{path}": (client) => client.projects.file("p1", "src/a b.ts"),
  "GET /api/projects/{id}/bundle": (client) => client.projects.bundle("p1"),
  "GET /api/status": (client) => client.status(),
  "GET /api/metrics": (client) => client.metrics({ type: "council" }),
};

/** Routes that a program has no use for, and why. */
const left: Record<string, string> = {
  "GET /api/openapi.json": "the types of the client were made from it",
  "POST /api/callbacks/signed": "for providers, who have an address and no key",
  "POST /api/jobs/{id}/callbacks/{callback_id}": "the callback's id names its job: answer",
  "POST /api/jobs/{id}/callbacks/{callback_id}/heartbeat": "the same: heartbeat",
  "GET /api/workflows/{workflow_id}": "a part of what workflows.get gives",
  "GET /api/session": "the page's own: see console/",
  "POST /api/session": "the page's own: see console/",
  "DELETE /api/session": "the page's own: see console/",
};

const named = ({ method, path }: AnyRoute) => `${method.toUpperCase()} ${path}`;

function pathMatches(template: string, path: string): Record<string, string> | undefined {
  const pattern = template.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  const found = new RegExp(`^${pattern}$`).exec(path);
  return found
    ? Object.fromEntries(
        Object.entries(found.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]),
      )
    : undefined;
}

test("every route of the API has a method of the client, or a reason not to", () => {
  const all = routes.map(named);
  expect(Object.keys(left).filter((route) => !all.includes(route))).toEqual([]);
  const inUse = all.filter((route) => !(route in left));
  expect(Object.keys(calls).sort()).toEqual([...new Set(inUse)].sort());
});

describe("what the client sends is what the route's own schemas take", () => {
  test.each(Object.entries(calls))("%s", async (route, call) => {
    const { client, sent } = recorded();
    try {
      // What comes back is no real answer, which some notice.
      await Promise.resolve(call(client)).catch(() => undefined);
      await soon(() => sent.length).toBeGreaterThan(0);
    } finally {
      client.close();
    }

    const [method, template] = route.split(" ") as [string, string];
    const declared = routes.find((each) => named(each) === route)!;
    const { url, body, headers, ...request } = sent[0]!;
    expect(request.method).toBe(method);
    const path = pathMatches(template, url.pathname);
    expect(path, url.pathname).toBeDefined();
    declared.params?.parse(path);
    if (url.search) declared.query!.parse(Object.fromEntries(url.searchParams));
    if (declared.body) declared.body.parse(body);
    else expect(body).toBeUndefined();
    expect(headers.has("idempotency-key")).toBe(declared.idempotent === true);
    expect(headers.get("authorization")).toBe("Bearer key");
  });
});

test("the types of the client are those of the service's document: otherwise run `npm run openapi`", () => {
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
  // As the formatter breaks its lines does not matter.
  const words = (text: string) => text.replace(/[\s|();,"]+/g, "");
  const current = words(apiTypes(JSON.parse(read("functions/api/openapi.json"))));
  expect(words(read("client/api.ts")) === current).toBe(true);
});

test("what the service and its clients both fold is of one shape in the document and in the client", () => {
  type Agrees<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
  const agrees: {
    job: Agrees<JobView, z.output<typeof schemas.job>>;
    summary: Agrees<JobSummary, z.output<typeof schemas.jobPage>["jobs"][number]>;
  } = { job: true, summary: true };
  expect(Object.keys(agrees)).toEqual(["job", "summary"]);
});
