import { createHash } from "node:crypto";
import type { JsonObject } from "../core/protocol/json.ts";
import type { DynamoEngine } from "./dynamo-engine.ts";
import type { QueueEngine } from "./queue-engine.ts";
import type { Properties } from "./resource-types.ts";
import type { State } from "./state.ts";
import { type Template, Unsupported } from "./template.ts";

/** Creates the template's tables, queues and buckets where they do not exist yet. Doing it again changes nothing. */
export async function provision(
  template: Template,
  engines: { dynamo: DynamoEngine; queues: QueueEngine },
  state: State,
): Promise<void> {
  engines.queues.provision(
    Object.fromEntries(
      template.of("AWS::SQS::Queue").map(({ name, properties }) => [name, queueAttributes(properties)]),
    ),
    Object.fromEntries(
      template
        .of("AWS::S3::Bucket")
        .map(({ name, properties }) => [name, properties.CorsConfiguration?.CorsRules ?? []]),
    ),
  );
  const { TableNames } = await engines.dynamo.call("ListTables", {});
  const existing = new Set(TableNames as string[]);
  for (const { name, properties } of template.of("AWS::DynamoDB::Table")) {
    const definition = tableDefinition(name, properties);
    const hash = createHash("sha256").update(JSON.stringify(definition)).digest("hex");
    if (!existing.has(name)) {
      await engines.dynamo.call("CreateTable", definition);
      state.set(`table:${name}`, hash);
    } else if (state.get(`table:${name}`) !== hash) {
      throw new Unsupported(
        `The table ${name} in ${state.directory} was made by a template with other keys, indexes or another stream. ` +
          "Delete that directory, or choose another one with --data.",
      );
    }
  }
}

function tableDefinition(name: string, properties: Properties<"AWS::DynamoDB::Table">): JsonObject {
  const stream = properties.StreamSpecification;
  return {
    TableName: name,
    KeySchema: properties.KeySchema,
    AttributeDefinitions: properties.AttributeDefinitions,
    BillingMode: "PAY_PER_REQUEST",
    ...(properties.GlobalSecondaryIndexes
      ? {
          GlobalSecondaryIndexes: properties.GlobalSecondaryIndexes.map((index) => ({
            IndexName: index.IndexName,
            KeySchema: index.KeySchema,
            Projection: index.Projection as JsonObject,
          })),
        }
      : {}),
    ...(stream ? { StreamSpecification: { StreamEnabled: true, ...stream } } : {}),
  };
}

function queueAttributes(properties: Properties<"AWS::SQS::Queue">): Record<string, string> {
  const { RedrivePolicy: redrive, MaximumMessageSize, MessageRetentionPeriod } = properties;
  return {
    VisibilityTimeout: String(properties.VisibilityTimeout),
    DelaySeconds: String(properties.DelaySeconds),
    ...(MaximumMessageSize === undefined ? {} : { MaximumMessageSize: String(MaximumMessageSize) }),
    ...(MessageRetentionPeriod === undefined
      ? {}
      : { MessageRetentionPeriod: String(MessageRetentionPeriod) }),
    ...(redrive ? { RedrivePolicy: JSON.stringify(redrive) } : {}),
  };
}
