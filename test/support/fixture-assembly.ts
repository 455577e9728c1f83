import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import { temporaryDirectory } from "./temporary.ts";

type FixtureFunction = {
  /** An ES module that exports `handler`. */
  code: string;
  properties?: JsonObject;
};

type Resources = Record<string, { Type: string; Properties?: JsonObject; Condition?: string }>;

/**
 * Writes a cloud assembly as CDK would: for tests that need a template of their own, with functions of a few lines.
 * @returns its directory, which is gone after the test.
 */
export function fixtureAssembly({
  functions = {},
  resources = {},
  more = {},
}: {
  functions?: Record<string, FixtureFunction>;
  resources?: Resources;
  /** Other sections of the template: Outputs, Conditions, ... */
  more?: JsonObject;
}): string {
  const directory = temporaryDirectory();
  const files: Record<string, Json> = {};
  const lambdas: Resources = {};
  for (const [id, { code, properties = {} }] of Object.entries(functions)) {
    mkdirSync(join(directory, `asset.${id}`));
    writeFileSync(join(directory, `asset.${id}`, "index.mjs"), code);
    files[id] = {
      source: { path: `asset.${id}`, packaging: "zip" },
      destinations: { current: { bucketName: "assets", objectKey: `${id}.zip` } },
    };
    lambdas[id] = {
      Type: "AWS::Lambda::Function",
      Properties: {
        Code: { S3Bucket: "assets", S3Key: `${id}.zip` },
        Handler: "index.handler",
        Runtime: "nodejs24.x",
        MemorySize: 128,
        ...properties,
      },
    };
  }
  const write = (file: string, content: Json) =>
    writeFileSync(join(directory, file), JSON.stringify(content));
  write("manifest.json", {
    artifacts: {
      Fixture: { type: "aws:cloudformation:stack", properties: { templateFile: "Fixture.template.json" } },
    },
  });
  write("Fixture.assets.json", { files });
  write("Fixture.template.json", { ...more, Resources: { ...lambdas, ...resources } as unknown as Json });
  return directory;
}

/** An event source mapping, as CDK writes it. */
export function mapping(
  source: JsonObject,
  functionId: string,
  properties: JsonObject = {},
): { Type: string; Properties: JsonObject } {
  return {
    Type: "AWS::Lambda::EventSourceMapping",
    Properties: { EventSourceArn: source, FunctionName: { Ref: functionId }, ...properties },
  };
}

export const arnOf = (id: string): JsonObject => ({ "Fn::GetAtt": [id, "Arn"] });

/** A table of items `pk`, `sk` with a stream of both images and a time to live. */
export const itemsTable = {
  Type: "AWS::DynamoDB::Table",
  Properties: {
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
    ],
    StreamSpecification: { StreamViewType: "NEW_AND_OLD_IMAGES" },
    TimeToLiveSpecification: { AttributeName: "ttl", Enabled: true },
  },
};

/** For the beginning of a fixture function: `note(value)` adds a line to a file that the test reads. */
export const noting = `
import { appendFileSync } from "node:fs";
const note = (value) => appendFileSync(process.env.NOTES, JSON.stringify(value) + "\\n");
`;
