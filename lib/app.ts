import { enableCompileCache } from "node:module";
import { join } from "node:path";
import cdk from "../cdk.json" with { type: "json" };
import { bundle } from "./bundle.ts";
import { environmentOf } from "./environment.ts";
import { page } from "./page.ts";

/** CDK's own switch. The embedded cloud starts with it off: whoever waits for it wants the template, not an opinion. */
const validated = process.env.CDK_VALIDATION !== "false";

// CDK itself reads its context too, but only once it has been loaded.
const { jobs } = JSON.parse(process.env.CDK_CONTEXT_JSON ?? "{}") as { jobs?: string };

// Most of the time is spent on loading CDK. So it is compiled once for all runs, and while it loads, esbuild, which is
// a process of its own, builds the functions, and Vite, whose work is done outside of JavaScript, the page.
enableCompileCache();
const [bundles, files, { App, Validations }, { ConvokeStack }] = await Promise.all([
  bundle(join(process.env.CDK_OUTDIR ?? "build", "functions"), jobs),
  page({ orSay: !validated }),
  import("aws-cdk-lib/core"),
  import("./stack.ts"),
]);

const app = new App({
  // Read here as well as by CDK's command line, so that a template is the same without that.
  context: { ...cdk.context, "aws:cdk:disable-stack-trace": !validated },
  treeMetadata: validated,
});
if (validated) {
  const { AwsSolutionsChecks, ServerlessChecks } = await import("cdk-nag");
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
}
new ConvokeStack(app, environmentOf(app.node), bundles, files);
app.synth();
