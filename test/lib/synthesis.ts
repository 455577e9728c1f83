import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib/core";
import cdk from "../../cdk.json" with { type: "json" };
import type { Bundles, FunctionName } from "../../lib/bundle.ts";
import { environmentOf } from "../../lib/environment.ts";
import { ConvokeStack } from "../../lib/stack.ts";

export type Properties = Record<string, unknown>;
export type Resource = {
  id: string;
  Type: string;
  Properties: Properties;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
};
export type Statement = {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
  Condition?: Record<string, Record<string, string>>;
};

/** A synthesized stack, to be asked for facts. */
export class Template {
  readonly resources: Resource[];
  readonly outputs: Record<string, unknown>;

  constructor(template: {
    Resources: Record<string, Omit<Resource, "id">>;
    Outputs: Record<string, unknown>;
  }) {
    this.resources = Object.entries(template.Resources).map(([id, resource]) => ({ id, ...resource }));
    this.outputs = template.Outputs;
  }

  ofType(type: string): Resource[] {
    return this.resources.filter((resource) => resource.Type === type);
  }

  /** The one resource of this type whose logical id begins so. */
  one(type: string, prefix = ""): Resource {
    const found = this.ofType(type).filter(({ id }) => id.startsWith(prefix));
    if (found.length !== 1) throw new Error(`${found.length} resources ${type} ${prefix}...`);
    return found[0]!;
  }

  /** The resource that a `Ref` or `Fn::GetAtt` points to. */
  target(reference: unknown): Resource {
    const { Ref, "Fn::GetAtt": attribute } = reference as { Ref?: string; "Fn::GetAtt"?: string[] };
    const found = this.resources.find(({ id }) => id === (Ref ?? attribute?.[0]));
    if (!found) throw new Error(`Nothing that ${JSON.stringify(reference)} could mean`);
    return found;
  }

  /** What a function's role may do. */
  rights(fn: Resource): Statement[] {
    const role = this.target(fn.Properties.Role);
    return this.ofType("AWS::IAM::Policy")
      .filter(({ Properties }) => (Properties.Roles as unknown[]).some((one) => this.target(one) === role))
      .flatMap(({ Properties }) => statements(Properties.PolicyDocument));
  }
}

export function statements(document: unknown): Statement[] {
  return (document as { Statement: Statement[] }).Statement;
}

export function list<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}

export function functionOf(template: Template, name: FunctionName): Resource {
  return template.one("AWS::Lambda::Function", `${name[0]!.toUpperCase()}${name.slice(1)}Function`);
}

export function variables(fn: Resource): Record<string, unknown> {
  return (fn.Properties.Environment as { Variables: Record<string, unknown> }).Variables;
}

/** Stands for the console's files, which are the same for every template. */
const page = join(import.meta.dirname, "../fixtures/page");

/** The template of one environment. */
export function synthesize(bundles: Bundles, context: Record<string, string>): Template {
  const outdir = mkdtempSync(join(tmpdir(), "convoke-synth-"));
  try {
    const app = new App({ outdir, context: { ...cdk.context, ...context } });
    const stack = new ConvokeStack(app, environmentOf(app.node), bundles, page);
    return new Template(app.synth({ skipValidation: true }).getStackArtifact(stack.artifactId).template);
  } finally {
    rmSync(outdir, { recursive: true });
  }
}
