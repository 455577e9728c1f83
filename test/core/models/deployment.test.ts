import { describe, expect, test } from "vitest";
import { deploymentOf } from "../../../core/models/deployment.ts";

const local = { CONVOKE_SETTINGS: "local" };

function providersOf(environment: NodeJS.ProcessEnv): string[] {
  const { councilMembers, councilChairmen, titleModel } = deploymentOf(environment);
  const all = [...councilMembers, ...councilChairmen, titleModel];
  return [...new Set(all.map((model) => model.split(":")[0]!))].sort();
}

describe("the models of a deployment", () => {
  test.each([
    ["nothing but a laptop", local, ["mock"]],
    ["the embedded cloud's own credentials", { ...local, AWS_ACCESS_KEY_ID: "local" }, ["mock"]],
    ["a laptop with AWS credentials", { ...local, AWS_ACCESS_KEY_ID: "AKIA" }, ["bedrock"]],
    ["an OpenAI key", { ...local, OPENAI_API_KEY: "k" }, ["openai"]],
    ["an OpenAI-compatible server", { ...local, OPENAI_BASE_URL: "http://127.0.0.1:11434/v1" }, ["openai"]],
    ["an Anthropic key", { ...local, ANTHROPIC_API_KEY: "k" }, ["anthropic"]],
    ["both keys", { ...local, OPENAI_API_KEY: "k", ANTHROPIC_API_KEY: "k" }, ["anthropic", "openai"]],
    ["AWS", { CONVOKE_SETTINGS: "aws" }, ["bedrock"]],
  ])("follow from what is configured: %s", (_, environment, providers) => {
    expect(providersOf(environment)).toEqual(providers);
  });

  test("include two who can stand in for the chairman", () => {
    for (const environment of [local, {}, { OPENAI_API_KEY: "k" }, { ANTHROPIC_API_KEY: "k" }]) {
      expect(new Set(deploymentOf(environment).councilChairmen).size).toBe(3);
    }
  });

  test("are those that are named, whatever else is configured", () => {
    const named = deploymentOf({
      OPENAI_API_KEY: "k",
      COUNCIL_MEMBERS: " mock:a, openai:b ,,",
      COUNCIL_CHAIRMEN: "bedrock:c",
      TITLE_MODEL: "mock:d",
    });

    expect(named).toMatchObject({
      councilMembers: ["mock:a", "openai:b"],
      councilChairmen: ["bedrock:c"],
      titleModel: "mock:d",
      workModels: ["bedrock:c"],
      mockFallback: false,
    });
  });

  test("do work with the chairmen unless other models are named for it, and fall back to a mock only when told so", () => {
    expect(deploymentOf({ COUNCIL_CHAIRMEN: "openai:a", WORK_MODELS: "openai:b,openai:c" })).toMatchObject({
      councilChairmen: ["openai:a"],
      workModels: ["openai:b", "openai:c"],
      mockFallback: false,
    });
    expect(deploymentOf({ MOCK_FALLBACK: "true" }).mockFallback).toBe(true);
  });

  test("do not reach beyond named members, whose provider may be the only one there is", () => {
    expect(deploymentOf({ COUNCIL_MEMBERS: "openai:a,openai:b" })).toMatchObject({
      councilMembers: ["openai:a", "openai:b"],
      councilChairmen: ["openai:a", "openai:b"],
      titleModel: "openai:b",
      workModels: ["openai:a", "openai:b"],
      mockFallback: false,
    });
  });
});
