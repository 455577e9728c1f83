import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { dynamoTable } from "../core/dynamo.ts";
import { dynamoKeys } from "../core/keys/dynamo.ts";
import { type Principal, scopes } from "../core/keys/keys.ts";
import { sleep } from "../core/sleep.ts";
import type { Cloud } from "./cloud.ts";

/** Creates an API key on a cloud that runs here. All rights, unless the principal says otherwise. */
export async function createKey(
  cloud: Pick<Cloud, "endpoints" | "template">,
  { tenant, scopes: granted = [...scopes] }: Pick<Principal, "tenant"> & Partial<Principal>,
): Promise<string> {
  const client = new DynamoDBClient({
    endpoint: cloud.endpoints.dynamodb,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  const table = dynamoTable(
    DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } }),
    cloud.template.outputs.TableName!,
    { random: Math.random, sleep },
  );
  try {
    const { key } = await dynamoKeys(table, { now: Date.now }).create({ tenant, scopes: granted });
    return key;
  } finally {
    client.destroy();
  }
}
