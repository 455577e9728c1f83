import { AttributeType, BillingMode, ProjectionType, StreamViewType, Table } from "aws-cdk-lib/aws-dynamodb";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { RemovalPolicy } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { env } from "../core/config.ts";
import { table as names } from "../core/table.ts";
import type { Environment } from "./environment.ts";

/** The table of record: journals, job records, watches, keys, conversations. Its stream is the live feed. */
export class Journal extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, { production }: Environment) {
    super(scope, id);
    const string = (name: string) => ({ name, type: AttributeType.STRING });
    const number = (name: string) => ({ name, type: AttributeType.NUMBER });
    const { due, list } = names.indexes;
    this.table = new Table(this, "Table", {
      partitionKey: string(names.partitionKey),
      sortKey: string(names.sortKey),
      billingMode: BillingMode.PAY_PER_REQUEST,
      stream: StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: names.ttl,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      deletionProtection: production,
    });
    this.table.addGlobalSecondaryIndex({
      indexName: due.name,
      partitionKey: string(due.partitionKey),
      sortKey: number(due.sortKey),
      projectionType: ProjectionType.KEYS_ONLY,
    });
    this.table.addGlobalSecondaryIndex({
      indexName: list.name,
      partitionKey: string(list.partitionKey),
      sortKey: string(list.sortKey),
      projectionType: ProjectionType.KEYS_ONLY,
    });
  }

  grantRead(fn: LambdaFunction): void {
    this.grant(fn, ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"]);
  }

  grantWrite(fn: LambdaFunction): void {
    this.grant(fn, [
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
      "dynamodb:DeleteItem",
      "dynamodb:BatchWriteItem",
    ]);
  }

  grantIndex(fn: LambdaFunction, index: keyof typeof names.indexes): void {
    fn.addToRolePolicy(
      new PolicyStatement({
        actions: ["dynamodb:Query"],
        resources: [`${this.table.tableArn}/index/${names.indexes[index].name}`],
      }),
    );
  }

  /** To find who watches, and to forget who has left. */
  grantWatches(fn: LambdaFunction): void {
    this.grant(fn, ["dynamodb:Query", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem"]);
  }

  /** To find what is due, and to move it. */
  grantDue(fn: LambdaFunction): void {
    this.grantIndex(fn, "due");
    this.grant(fn, ["dynamodb:GetItem", "dynamodb:UpdateItem"]);
  }

  /** To submit jobs and to cancel them. */
  grantSubmit(fn: LambdaFunction): void {
    this.grant(fn, ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"]);
  }

  grantStream(fn: LambdaFunction): void {
    fn.addToRolePolicy(
      new PolicyStatement({
        actions: [
          "dynamodb:DescribeStream",
          "dynamodb:GetRecords",
          "dynamodb:GetShardIterator",
          "dynamodb:ListStreams",
        ],
        resources: [this.table.tableStreamArn!],
      }),
    );
  }

  private grant(fn: LambdaFunction, actions: string[]): void {
    fn.addToRolePolicy(new PolicyStatement({ actions, resources: [this.table.tableArn] }));
    fn.addEnvironment(env.table, this.table.tableName);
  }
}
