import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Stack, Validations } from "aws-cdk-lib/core";
import type { IConstruct } from "constructs";

/** Says why a finding of cdk-nag is as it should be. Stands beside the construct that it is about. */
export function excuse(
  construct: IConstruct,
  rule: `AwsSolutions-${string}` | `Serverless-${string}`,
  reason: string,
): void {
  Validations.of(construct).acknowledge({ id: `${rule.split("-")[0]}::${rule}`, reason });
}

/** The same for a `*` in a resource that a function may use. Each one is excused by itself: there is no blanket. */
export function excuseWildcard(fn: LambdaFunction, resource: string, reason: string): void {
  excuse(fn.role!, `AwsSolutions-IAM5[Resource::${spell(Stack.of(fn).resolve(resource))}]`, reason);
}

type Resolved = string | { Ref: string } | { "Fn::GetAtt": string[] } | { "Fn::Join": [string, Resolved[]] };

/** As cdk-nag writes what is known only when a stack is deployed: `<Bucket.Arn>/*`. */
export function spell(value: Resolved): string {
  if (typeof value === "string") return value;
  if ("Ref" in value) return `<${value.Ref}>`;
  if ("Fn::GetAtt" in value) return `<${value["Fn::GetAtt"].join(".")}>`;
  const [separator, parts] = value["Fn::Join"];
  return parts.map(spell).join(separator);
}
