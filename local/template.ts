import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Json, JsonObject } from "../core/protocol/json.ts";
import {
  account,
  attributes,
  calledByCustomResources,
  type Properties,
  type ResourceType,
  region,
  resourceTypes,
} from "./resource-types.ts";

/** A resource whose condition holds, with its properties resolved, checked and completed with AWS's defaults. */
export type Resource<T extends ResourceType = ResourceType> = {
  /** The logical id. */
  id: string;
  type: T;
  /** The physical name, which is also what ARNs and `Ref` are made of. The runner owns it, never an engine. */
  name: string;
  properties: Properties<T>;
};

export interface Template {
  stackName: string;
  outputs: Record<string, string>;
  of<T extends ResourceType>(type: T): Resource<T>[];
  /** The resource of this type that a `Ref` or an ARN (also one inside of an invocation URI) names. */
  find<T extends ResourceType>(type: T, nameOrArn: string): Resource<T>;
  /** The folder or file of an asset, by the key under which CDK would upload it. */
  asset(objectKey: string): string;
}

/** Something in the template that this machine cannot do. The start ends with it rather than skip it. */
export class Unsupported extends Error {
  override name = "Unsupported";
}

/**
 * Reads a cloud assembly: manifest, the one stack's template, assets.
 * @throws Unsupported for a resource type, property, intrinsic or attribute outside of the contract.
 */
export function loadTemplate(directory: string): Template {
  const read = (file: string): JsonObject => JSON.parse(readFileSync(join(directory, file), "utf8"));
  const stacks = Object.entries(read("manifest.json").artifacts as Record<string, JsonObject>).filter(
    ([, artifact]) => artifact.type === "aws:cloudformation:stack",
  );
  const [stack, ...others] = stacks;
  if (!stack || others.length > 0) {
    throw new Unsupported(`Expected one stack in ${directory}, found ${stacks.length}`);
  }
  const [artifactId, artifact] = stack;
  const stackProperties = artifact.properties as { templateFile: string; stackName?: string };
  const stackName = stackProperties.stackName ?? artifactId;
  const source = read(stackProperties.templateFile) as unknown as Source;

  const names = new Map<string, { id: string; name: string; type: ResourceType }>();
  const resolver = new Resolver(source, stackName, names);
  const called = new Set(Object.values(source.Resources).map(customResourceFunction));
  const included = Object.entries(source.Resources)
    .filter(([, { Condition }]) => Condition === undefined || resolver.condition(Condition))
    .map(([id, one]) => [id, called.has(id) ? { ...one, Type: calledByCustomResources } : one] as const);
  for (const [id, { Type, Properties = {} }] of included) {
    if (!(Type in resourceTypes)) {
      throw new Unsupported(`${id}: the embedded cloud does not know ${Type} (see local/resource-types.ts)`);
    }
    const type = Type as ResourceType;
    const given = explicitName(type, Properties);
    names.set(id, { id, type, name: given ?? physicalName(type, stackName, id) });
  }

  const resources = included.map(([id, { Type, Properties = {} }]): Resource => {
    const type = Type as ResourceType;
    const parsed = resourceTypes[type].safeParse(resolver.resolve(Properties, id));
    if (!parsed.success) {
      const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
      throw new Unsupported(
        `${id} (${type}) is not as the embedded cloud can run it: ${problems.join("; ")}`,
      );
    }
    return { id, type, name: names.get(id)!.name, properties: parsed.data };
  });

  const assets = assetPaths(directory, read, artifactId);
  const outputs = Object.fromEntries(
    Object.entries(source.Outputs ?? {})
      .filter(([, { Condition }]) => Condition === undefined || resolver.condition(Condition))
      .map(([name, { Value }]) => [name, String(resolver.resolve(Value, `output ${name}`))]),
  );
  const of = <T extends ResourceType>(type: T) =>
    resources.filter((resource): resource is Resource<T> => resource.type === type);
  return {
    stackName,
    outputs,
    of,
    find(type, nameOrArn) {
      const arn = attributes[type]?.Arn;
      const found = of(type).find((one) => one.name === nameOrArn || (arn && mentions(nameOrArn, arn(one))));
      if (!found) throw new Unsupported(`${nameOrArn} names no ${type} of ${stackName}`);
      return found;
    },
    asset(objectKey) {
      const path = assets.get(objectKey);
      if (!path) throw new Unsupported(`${objectKey} is not an asset of ${stackName}`);
      return path;
    },
  };
}

/** The logical id of the function that CloudFormation would call for this resource. */
function customResourceFunction({ Type, Properties }: Source["Resources"][string]): string | undefined {
  const { "Fn::GetAtt": attribute } = (Properties?.ServiceToken ?? {}) as { "Fn::GetAtt"?: [string, string] };
  return Type.startsWith("Custom::") ? attribute?.[0] : undefined;
}

/**
 * Where the addresses of a template are on this machine: `https://<api>.execute-api...`, `wss://...` and those of
 * distributions at the gateway, queue URLs at the queue engine, buckets at theirs.
 */
export function localAddresses(places: {
  gatewayPort: number;
  sqsPort: number;
  s3Port: number;
}): (text: string) => string {
  const gateway =
    /\b(https|wss):\/\/[a-z0-9-]+\.(?:execute-api\.[a-z0-9-]+\.amazonaws\.com|cloudfront\.net)/g;
  const buckets = new RegExp(`https://[a-z0-9-]+\\.s3\\.${region}\\.amazonaws\\.com`, "g");
  const queues = new RegExp(`https://sqs\\.${region}\\.amazonaws\\.com/`, "g");
  return (text) =>
    text
      .replace(
        gateway,
        (_, scheme) => `${scheme === "wss" ? "ws" : "http"}://127.0.0.1:${places.gatewayPort}`,
      )
      .replace(queues, `http://127.0.0.1:${places.sqsPort}/`)
      .replace(buckets, `http://127.0.0.1:${places.s3Port}`);
}

type Source = {
  Parameters?: Record<string, { Default?: Json; Type: string }>;
  Mappings?: Record<string, Record<string, Record<string, Json>>>;
  Conditions?: Record<string, Json>;
  Resources: Record<string, { Type: string; Properties?: JsonObject; Condition?: string }>;
  Outputs?: Record<string, { Value: Json; Condition?: string }>;
};

const pseudoParameters: Record<string, string> = {
  "AWS::AccountId": account,
  "AWS::Region": region,
  "AWS::Partition": "aws",
  "AWS::URLSuffix": "amazonaws.com",
};

/** `AWS::NoValue` removes the property that it is given to. */
const noValue = Symbol("AWS::NoValue");

class Resolver {
  readonly #source: Source;
  readonly #stackName: string;
  readonly #names: ReadonlyMap<string, { id: string; name: string; type: ResourceType }>;

  constructor(
    source: Source,
    stackName: string,
    names: ReadonlyMap<string, { id: string; name: string; type: ResourceType }>,
  ) {
    this.#source = source;
    this.#stackName = stackName;
    this.#names = names;
  }

  condition(name: string): boolean {
    const condition = this.#source.Conditions?.[name];
    if (condition === undefined) throw new Unsupported(`The template has no condition ${name}`);
    return this.#truth(condition, `condition ${name}`);
  }

  resolve(value: Json, where: string): Json {
    const resolved = this.#value(value, where);
    return resolved === noValue ? null : resolved;
  }

  #value(value: Json, where: string): Json | typeof noValue {
    if (Array.isArray(value)) {
      return value.map((one) => this.#value(one, where)).filter((one) => one !== noValue);
    }
    if (value === null || typeof value !== "object") return value;
    const [key, ...more] = Object.keys(value);
    if (
      key !== undefined &&
      more.length === 0 &&
      (key === "Ref" || key.startsWith("Fn::") || key === "Condition")
    ) {
      // A property may be called Condition, as in a policy statement; the intrinsic holds a name.
      if (key !== "Condition") return this.#intrinsic(key, value[key]!, where);
      if (typeof value.Condition === "string") return this.condition(value.Condition);
    }
    return Object.fromEntries(
      Object.entries(value)
        .map(([name, one]) => [name, this.#value(one, where)] as const)
        .filter((entry): entry is [string, Json] => entry[1] !== noValue),
    );
  }

  #intrinsic(name: string, argument: Json, where: string): Json | typeof noValue {
    const list = () => this.#list(argument, where);
    switch (name) {
      case "Ref":
        return this.#ref(String(argument), where);
      case "Fn::GetAtt": {
        const [id, ...attribute] = Array.isArray(argument)
          ? argument.map(String)
          : String(argument).split(".");
        return this.#attribute(id!, attribute.join("."), where);
      }
      case "Fn::Join": {
        const [separator, parts] = list() as [string, Json[]];
        return parts.map(String).join(separator);
      }
      case "Fn::Split": {
        const [separator, text] = list() as [string, string];
        return text.split(separator);
      }
      case "Fn::Select": {
        const [index, items] = list() as [number | string, Json[]];
        const item = items[Number(index)];
        if (item === undefined) throw new Unsupported(`${where}: Fn::Select finds no item ${index}`);
        return item;
      }
      case "Fn::Sub": {
        const [text, variables] = Array.isArray(argument)
          ? (argument as [string, JsonObject])
          : [argument, {}];
        return String(text).replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, expression: string) => {
          if (literal) return `\${${expression}}`;
          const variable = (variables as JsonObject)[expression];
          if (variable !== undefined) return String(this.resolve(variable, where));
          const [id, ...attribute] = expression.split(".");
          return attribute.length > 0
            ? this.#attribute(id!, attribute.join("."), where)
            : String(this.#ref(expression, where));
        });
      }
      case "Fn::FindInMap": {
        const [map, first, second] = list().map(String) as [string, string, string];
        const found = this.#source.Mappings?.[map]?.[first]?.[second];
        if (found === undefined) throw new Unsupported(`${where}: no mapping ${map}.${first}.${second}`);
        return found;
      }
      case "Fn::If": {
        const [condition, yes, no] = argument as [string, Json, Json];
        return this.#value(this.condition(condition) ? yes : no, where);
      }
      case "Fn::Equals":
      case "Fn::And":
      case "Fn::Or":
      case "Fn::Not":
        return this.#truth({ [name]: argument }, where);
      default:
        throw new Unsupported(`${where}: the embedded cloud does not know the intrinsic ${name}`);
    }
  }

  #truth(condition: Json, where: string): boolean {
    const [[name, argument] = []] = Object.entries(condition as JsonObject);
    switch (name) {
      case "Condition":
        return this.condition(String(argument));
      case "Fn::Equals": {
        const [left, right] = this.#list(argument!, where);
        return JSON.stringify(left) === JSON.stringify(right);
      }
      case "Fn::And":
        return (argument as Json[]).every((one) => this.#truth(one, where));
      case "Fn::Or":
        return (argument as Json[]).some((one) => this.#truth(one, where));
      case "Fn::Not":
        return !this.#truth((argument as Json[])[0]!, where);
      default:
        throw new Unsupported(`${where}: ${name} is not a condition`);
    }
  }

  #list(argument: Json, where: string): Json[] {
    const resolved = this.resolve(argument, where);
    if (!Array.isArray(resolved)) throw new Unsupported(`${where}: expected a list of arguments`);
    return resolved;
  }

  #ref(name: string, where: string): Json | typeof noValue {
    if (name === "AWS::NoValue") return noValue;
    if (name === "AWS::StackName") return this.#stackName;
    const pseudo = pseudoParameters[name];
    if (pseudo !== undefined) return pseudo;
    const parameter = this.#source.Parameters?.[name];
    if (parameter) {
      if (parameter.Default === undefined)
        throw new Unsupported(`${where}: parameter ${name} has no default`);
      return parameter.Default;
    }
    const resource = this.#names.get(name);
    if (!resource) throw new Unsupported(`${where}: Ref of ${name}, which the template does not have`);
    switch (resource.type) {
      case "AWS::SQS::Queue":
        return `https://sqs.${region}.amazonaws.com/${account}/${resource.name}`;
      case "AWS::SNS::Topic":
        return this.#attribute(name, "TopicArn", where);
      default:
        return resource.name;
    }
  }

  #attribute(id: string, attribute: string, where: string): string {
    const resource = this.#names.get(id);
    const answer = resource && attributes[resource.type]?.[attribute];
    if (!resource || !answer) {
      throw new Unsupported(
        `${where}: the embedded cloud does not know ${id}.${attribute}${resource ? ` of ${resource.type}` : ""}`,
      );
    }
    return answer(resource);
  }
}

/** Names that are literals in the template; a name that is computed could be needed before it is known. */
function explicitName(type: ResourceType, properties: JsonObject): string | undefined {
  const property = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Events::Rule": "Name",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::ApiGatewayV2::Stage": "StageName",
  }[type as string];
  const name = property === undefined ? undefined : properties[property];
  return typeof name === "string" ? name : undefined;
}

function physicalName(type: ResourceType, stackName: string, id: string): string {
  // Part of a host name, and of nothing that a length limit applies to.
  if (type === "AWS::ApiGatewayV2::Api") return id.toLowerCase();
  // Bucket names are lower case with at most 63 characters; the end holds the hash that keeps them apart.
  if (type === "AWS::S3::Bucket") return `${stackName}-${id}`.toLowerCase().slice(-63).replace(/^-+/, "");
  return `${stackName}-${id}`.slice(-80);
}

function assetPaths(
  directory: string,
  read: (file: string) => JsonObject,
  artifactId: string,
): Map<string, string> {
  const { files = {} } = read(`${artifactId}.assets.json`) as {
    files?: Record<string, { source: { path: string }; destinations: Record<string, { objectKey: string }> }>;
  };
  return new Map(
    Object.values(files).flatMap(({ source, destinations }) =>
      Object.values(destinations).map(({ objectKey }) => [objectKey, join(directory, source.path)] as const),
    ),
  );
}

/** Whether a text holds this ARN as a whole, so that `...:function:work` is not found in `...:function:worker`. */
function mentions(text: string, arn: string): boolean {
  const at = text.indexOf(arn);
  return at !== -1 && !/[\w-]/.test(text[at + arn.length] ?? "");
}
