import { GetCommand } from "@aws-sdk/lib-dynamodb";
import { createCounted, type DynamoTable, listPage, replaceVersion } from "../dynamo.ts";
import { table as names } from "../table.ts";
import { countKey, type ProjectItem, projectItem, projectKey, projectList, projectOf } from "./items.ts";
import { dayOf, type Projects } from "./project.ts";

const day = 86_400_000;

export function dynamoProjects(table: DynamoTable): Projects {
  const { client, name, call } = table;
  return {
    create: (record, mostADay) =>
      createCounted(table, projectItem(record), {
        Update: {
          TableName: name,
          Key: countKey(record),
          UpdateExpression: "ADD projects :one SET #ttl = :ttl",
          ConditionExpression: "attribute_not_exists(projects) OR projects < :most",
          ExpressionAttributeNames: { "#ttl": names.ttl },
          ExpressionAttributeValues: {
            ":one": 1,
            ":most": mostADay,
            ":ttl": Math.ceil((dayOf(record).endsAt + day) / 1000),
          },
        },
      }),

    async get(key) {
      const { Item } = await call(() =>
        client.send(new GetCommand({ TableName: name, Key: projectKey(key), ConsistentRead: true })),
      );
      return Item && projectOf(Item as ProjectItem);
    },

    async list(tenant, options) {
      const { found, ...rest } = await listPage(
        table,
        projectList(tenant),
        (id) => projectKey({ tenant, id }),
        options,
        (item) => projectOf(item as ProjectItem),
      );
      return { projects: found, ...rest };
    },

    update: (record) => replaceVersion(table, projectItem(record), record.version),
  };
}
