import * as z from "zod";
import type { Deployment } from "../../core/models/deployment.ts";
import type { ModelName } from "../../core/models/model.ts";
import { InvalidRequest } from "../../core/protocol/error.ts";

export const modelName = z
  .string()
  .max(200)
  .regex(/^[a-z][a-z0-9-]*:\S+$/, "A model is named provider:name, e.g. openai:gpt-5")
  .meta({ description: "provider:name" });

/** Fields of the input of every job whose work one model does. */
export const modelFields = {
  models: z.array(modelName).min(1).max(10).optional().meta({
    description:
      "Who does the work; the others stand in for the first, in this order. Default: the deployment's models",
  }),
  allow_mock: z.boolean().optional().meta({
    description:
      "When all models have failed a mock model answers, and what it wrote is marked. Default: the deployment's choice",
  }),
};

type ModelFields = { models?: ModelName[]; allow_mock?: boolean };

const mockModel = "mock:athena";

/** For `prepare`: fixes who will be asked, so that a later deployment changes nothing for a job that has begun. */
export function withModels<T extends ModelFields>(input: T, deployment: Deployment): T {
  const chosen = input.models ?? deployment.workModels;
  const mayMock = input.allow_mock ?? deployment.mockFallback;
  return { ...input, models: [...new Set([...chosen, ...(mayMock ? [mockModel] : [])])] };
}

/** @throws InvalidRequest for input that has not gone through `withModels`. */
export function modelsOf({ models }: ModelFields): [ModelName, ...ModelName[]] {
  const [first, ...others] = models ?? [];
  if (first === undefined) throw new InvalidRequest("Neither the request nor this deployment names a model");
  return [first, ...others];
}
