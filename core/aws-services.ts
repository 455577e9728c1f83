import { ApiGatewayManagementApiClient } from "@aws-sdk/client-apigatewaymanagementapi";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SQSClient } from "@aws-sdk/client-sqs";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { uuidv7 } from "uuidv7";
import { env, queueUrls, required, settingsOf } from "./config.ts";
import { dynamoConfiguration } from "./configuration/dynamo.ts";
import { dynamoConversations } from "./conversations/dynamo.ts";
import { dynamoTable } from "./dynamo.ts";
import { dynamoJournal } from "./journal/dynamo.ts";
import { dynamoKeys } from "./keys/dynamo.ts";
import { dynamoProjects } from "./projects/dynamo.ts";
import { sqsQueue } from "./queue/sqs.ts";
import { dynamoSchedules } from "./schedules/dynamo.ts";
import type { Services } from "./services.ts";
import { sleep } from "./sleep.ts";
import { dynamoSlots } from "./slots/dynamo.ts";
import { apiGatewaySockets } from "./sockets/apigateway.ts";
import { dynamoWatches } from "./sockets/watches.ts";

/**
 * What every client has in common. Silence ends long before the function's own time does, and a second try of the
 * SDK costs less than a second try of ours.
 */
export const connection = {
  maxAttempts: 3,
  requestHandler: {
    connectionTimeout: 1_000,
    requestTimeout: 5_000,
    throwOnRequestTimeout: true,
    httpsAgent: { keepAlive: true, maxSockets: 100 },
    httpAgent: { keepAlive: true, maxSockets: 100 },
  },
};

/** What belongs to no service in particular. */
function surroundings(environment: NodeJS.ProcessEnv) {
  return {
    settings: settingsOf(environment),
    now: Date.now,
    newId: uuidv7,
    random: Math.random,
    sleep,
  };
}

/** What the functions around the WebSocket use: the table and the connections. */
export function socketServices(environment: NodeJS.ProcessEnv) {
  const around = surroundings(environment);
  const endpoint = required(environment, env.socketEndpoint);
  return {
    ...tableServices(required(environment, env.table), around),
    sockets: apiGatewaySockets(new ApiGatewayManagementApiClient({ ...connection, endpoint })),
    ...around,
  };
}

/** What the sweeper uses: the table and the queues. */
export function sweeperServices(environment: NodeJS.ProcessEnv) {
  const around = surroundings(environment);
  return {
    ...tableServices(required(environment, env.table), around),
    queue: sqsQueue(new SQSClient(connection), queueUrls(environment)),
    ...around,
  };
}

/** The services that live in the table, for those who have nothing but the table. */
export function tableServices(
  name: string,
  around: Pick<Services, "settings" | "now" | "random" | "sleep">,
  endpoint?: string,
) {
  const client = DynamoDBDocumentClient.from(
    new DynamoDBClient({ ...connection, ...(endpoint === undefined ? {} : { endpoint }) }),
    { marshallOptions: { removeUndefinedValues: true } },
  );
  const table = dynamoTable(client, name, around);
  return {
    table,
    journal: dynamoJournal(table, around),
    conversations: dynamoConversations(table),
    configuration: dynamoConfiguration(table),
    watches: dynamoWatches(table, around),
    keys: dynamoKeys(table, around),
    schedules: dynamoSchedules(table),
    projects: dynamoProjects(table),
    slots: dynamoSlots(table, around),
  };
}
