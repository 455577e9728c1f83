import { describe, expect, test } from "vitest";
import { openApiDocument } from "../../../functions/api/openapi.ts";
import { pathsOf, submitsJob } from "../../../functions/api/route.ts";
import { routes } from "../../../functions/api/routes.ts";
import { door } from "./door.ts";

describe("the OpenAPI document", () => {
  test("is served to anybody, and is what the routes say: otherwise run `npm run openapi`", async () => {
    const { get } = await door();

    const { body } = await get("/api/openapi.json", { key: undefined });

    expect(body).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
  });

  test("describes every route, with its scope, its parameters and its answer", async () => {
    const { get } = await door();
    const { paths } = (await get("/api/openapi.json")).body;

    const described = Object.entries<object>(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(described.sort()).toEqual(
      routes.flatMap((route) => pathsOf(route).map((path) => `${route.method} ${path}`)).sort(),
    );
    for (const route of routes) {
      for (const path of pathsOf(route)) {
        const operation = paths[path][route.method];
        const redirect = route.redirects ? ["303"] : [];
        const replies = (route.replies ?? []).map(({ status }) => String(status));
        const waited = submitsJob(route) ? ["200"] : [];
        const statuses = new Set([
          String(route.answer.status),
          ...replies,
          ...redirect,
          ...waited,
          "default",
        ]);
        expect(Object.keys(operation.responses)).toEqual([...statuses].sort());
        const headers = (operation.parameters ?? []).filter(
          (parameter: { in: string }) => parameter.in === "header",
        );
        expect(headers.map(({ name }: { name: string }) => name)).toEqual([
          ...(route.idempotent ? ["Idempotency-Key"] : []),
          ...(submitsJob(route) ? ["Prefer"] : []),
          ...(route.conditional ? ["If-Match"] : []),
        ]);
        const scopes = route.access === "known" ? [] : [route.access];
        expect(operation.security).toEqual(route.access === "open" ? [] : [{ bearer: scopes }]);
        const named = (operation.parameters ?? [])
          .filter((parameter: { in: string }) => parameter.in === "path")
          .map((parameter: { name: string }) => `{${parameter.name}}`);
        expect(named).toEqual(path.match(/\{\w+\}/g) ?? []);
      }
    }
  });

  test("names every operation once and refers to nothing that it does not hold", async () => {
    const { get } = await door();
    const { body } = await get("/api/openapi.json");
    const operations = Object.values<Record<string, { operationId: string }>>(body.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(new Set(operations).size).toBe(operations.length);

    const references = JSON.stringify(body).match(/"#\/components\/schemas\/\w+"/g) ?? [];
    for (const reference of new Set(references)) {
      expect(Object.keys(body.components.schemas)).toContain(reference.slice(22, -1));
    }
  });
});
