import * as z from "zod";
import type { Deployment } from "../../core/models/deployment.ts";
import type { ModelName } from "../../core/models/model.ts";
import { InvalidRequest } from "../../core/protocol/error.ts";
import { modelName as model } from "../shared/models.ts";

const instruction = z.string().min(1).max(4_000);

export const councilInput = z
  .strictObject({
    question: z.string().trim().min(1).max(100_000),
    members: z.array(model).min(2).max(26).optional().meta({
      description:
        "Who answers and ranks. A model that is named twice sits twice, as `name` and `name#2`. Default: the deployment's members",
    }),
    chairman: model.optional().meta({ description: "Who writes the final answer" }),
    chairmen: z
      .array(model)
      .max(10)
      .optional()
      .meta({ description: "Who stands in, in this order, when the chairman fails" }),
    title_model: model.optional(),
    allow_mock: z.boolean().optional().meta({
      description:
        "Where a quorum or a chairman cannot be had, mock models make up for it, and what they wrote is marked. Default: the deployment's choice",
    }),
    exclude_self: z.boolean().optional().meta({
      description: "No member ranks its own answer. Default: true. Not possible with two answers",
    }),
    anonymous_chairman: z.boolean().optional().meta({
      description: "The chairman sees labels instead of the members' names. Default: false",
    }),
    quorum: z
      .int()
      .min(1)
      .max(26)
      .optional()
      .meta({ description: "With fewer answers the job fails. Default: 2" }),
    system: instruction.optional().meta({ description: "Said to every member before the question" }),
    personas: z
      .record(z.string(), instruction)
      .optional()
      .meta({ description: "By member: who it is to be, in addition to `system`" }),
    criteria: z
      .array(z.string().min(1).max(500))
      .min(1)
      .max(10)
      .optional()
      .meta({ description: "What the ranking goes by. Default: accuracy, insight, completeness, clarity" }),
  })
  .meta({ id: "CouncilInput" });

export type CouncilInput = z.infer<typeof councilInput>;

/** Input in which everything is decided that the deployment decides. */
export type Council = CouncilInput &
  Required<
    Pick<
      CouncilInput,
      "members" | "chairman" | "chairmen" | "title_model" | "exclude_self" | "anonymous_chairman" | "quorum"
    >
  >;

/** @throws InvalidRequest for input that has not gone through `convene`. */
export function convened(input: CouncilInput): Council {
  if (!input.members || !input.chairman)
    throw new InvalidRequest("This council was not convened: its input names no members or no chairman");
  return input as Council;
}

/**
 * Fills in the deployment's choices.
 * @throws InvalidRequest where the choices of both together make no sense.
 */
export function convene(input: CouncilInput, deployment: Deployment): Council {
  const members = input.members ?? deployment.councilMembers;
  const mayMock = input.allow_mock ?? deployment.mockFallback;
  const chosen = [
    input.chairman ?? [],
    input.chairmen ?? deployment.councilChairmen,
    mayMock ? standIns[0] : [],
  ].flat();
  const [chairman, ...chairmen] = new Set(chosen);
  if (!chairman) throw new InvalidRequest("Neither the request nor this deployment names a chairman");
  const council: Council = {
    ...input,
    members,
    chairman,
    chairmen,
    title_model: input.title_model ?? deployment.titleModel,
    exclude_self: input.exclude_self ?? true,
    anonymous_chairman: input.anonymous_chairman ?? false,
    quorum: input.quorum ?? 2,
    ...(mayMock ? { allow_mock: true } : {}),
  };
  if (council.quorum > members.length)
    throw new InvalidRequest(
      `A quorum of ${council.quorum} cannot be reached by ${members.length} members: ${members.join(", ")}`,
    );
  const names = membersOf(council).map((member) => member.name);
  const stranger = Object.keys(input.personas ?? {}).find((name) => !names.includes(name));
  if (stranger !== undefined)
    throw new InvalidRequest(`No member "${stranger}" for this persona; the members are ${names.join(", ")}`);
  return council;
}

const standIns = ["mock:athena", "mock:borges", "mock:curie", "mock:darwin", "mock:euler"] as const;

/** So many mock models, who make up a quorum. None where that is not allowed. */
export function mocksOf(council: Council, count: number): Member[] {
  if (!council.allow_mock || count <= 0) return [];
  const mocks = Array.from({ length: count }, (_, index) => standIns[index % standIns.length]!);
  return membersOf({ ...council, members: [...council.members, ...mocks] }).slice(-count);
}

export type Member = {
  /** The model's name, numbered where a model sits twice. What people see, and what tells members apart. */
  name: string;
  model: ModelName;
  /** The name as part of a step's path. */
  step: string;
  /** What it is told before the question. */
  system?: string;
};

export function membersOf(council: Council): Member[] {
  const names = numbered(council.members, "#");
  // A slash would open another level of the path, and `#` is the engine's own way to number steps.
  const safe = council.members.map((model) => model.replace(/[^A-Za-z0-9_.:-]+/g, "-"));
  const steps = numbered(safe, "-");
  return council.members.map((model, index) => {
    const name = names[index]!;
    const system = [council.system ?? [], council.personas?.[name] ?? []].flat().join("\n\n");
    return { name, model, step: steps[index]!, ...(system ? { system } : {}) };
  });
}

function numbered(names: string[], mark: string): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let count = 2; taken.has(unique); count += 1) unique = `${name}${mark}${count}`;
    taken.add(unique);
    return unique;
  });
}
