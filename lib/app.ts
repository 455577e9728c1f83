import { join } from "node:path";
import { App, Validations } from "aws-cdk-lib/core";
import cdk from "../cdk.json" with { type: "json" };
import { bundle } from "./bundle.ts";
import { environmentOf } from "./environment.ts";
import { ConvokeStack } from "./stack.ts";

// Read here as well as by the CDK's command line, so that a template is the same without that.
const app = new App({ context: cdk.context });
// CDK's own switch for its template validation: the embedded cloud starts without either.
if (process.env.CDK_VALIDATION !== "false") {
  const { AwsSolutionsChecks, ServerlessChecks } = await import("cdk-nag");
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
}
const bundles = await bundle(join(app.outdir, "functions"));
new ConvokeStack(app, environmentOf(app.node), bundles);
app.synth();
