import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { CfnRule } from "aws-cdk-lib/aws-events";
import { App, Stack } from "aws-cdk-lib/core";
import { expect, onTestFinished, test, vi } from "vitest";
import cdk from "../../cdk.json" with { type: "json" };

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");

/** Loaded before the app: whatever tries to reach the network ends the process. */
const noNetwork = `data:text/javascript,${encodeURIComponent(`
  import { Socket } from "node:net";
  import dns from "node:dns";
  Socket.prototype.connect = () => { console.error("no network"); process.exit(86); };
  dns.lookup = Socket.prototype.connect;
`)}`;

type Report = {
  pluginReports: {
    pluginName: string;
    conclusion: string;
    violations: unknown[];
    suppressedViolations?: { ruleName: string }[];
  }[];
};

/** What cdk.json runs, as it runs on a machine that has neither a network nor an account. */
async function synthesize(environment: Record<string, string>): Promise<string> {
  const outdir = mkdtempSync(join(tmpdir(), "convoke-app-"));
  onTestFinished(() => rmSync(outdir, { recursive: true, force: true }));
  await run(process.execPath, ["--import", noNetwork, "lib/app.ts"], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: outdir, CDK_OUTDIR: outdir, ...environment },
  });
  return outdir;
}

test("one synthesis is one stack with all that there is; it needs no network and no account, and neither CDK nor cdk-nag finds what is not explained [A3-17]", async () => {
  const outdir = await synthesize({ CDK_CONTEXT_JSON: '{"env":"prod"}' });

  const { artifacts } = JSON.parse(readFileSync(join(outdir, "manifest.json"), "utf8"));
  const stacks = Object.values<{ type: string }>(artifacts).filter(
    ({ type }) => type === "aws:cloudformation:stack",
  );
  expect(stacks).toHaveLength(1);
  const report: Report = JSON.parse(readFileSync(join(outdir, "validation-report.json"), "utf8"));
  expect(report.pluginReports.map(({ pluginName }) => pluginName)).toEqual(
    expect.arrayContaining(["AwsSolutions", "Serverless"]),
  );
  for (const { conclusion, violations } of report.pluginReports) {
    expect(violations).toEqual([]);
    expect(conclusion).toBe("success");
  }
  // Whoever excuses one more finding says so here too.
  const excused = report.pluginReports.flatMap(({ suppressedViolations }) => suppressedViolations ?? []);
  expect(
    [
      ...new Set(excused.map(({ ruleName }) => ruleName.replace(/<\w+?[0-9A-F]{8}(\.Arn)?>/, "<...>"))),
    ].sort(),
  ).toEqual([
    "AwsSolutions-APIG1",
    "AwsSolutions-APIG4",
    "AwsSolutions-CFR1",
    "AwsSolutions-CFR2",
    "AwsSolutions-CFR3",
    "AwsSolutions-CFR4",
    "AwsSolutions-IAM5[Action::s3:Abort*]",
    "AwsSolutions-IAM5[Action::s3:DeleteObject*]",
    "AwsSolutions-IAM5[Action::s3:GetBucket*]",
    "AwsSolutions-IAM5[Action::s3:GetObject*]",
    "AwsSolutions-IAM5[Action::s3:List*]",
    "AwsSolutions-IAM5[Resource::*]",
    "AwsSolutions-IAM5[Resource::<...>/*]",
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>:async-invoke/*]",
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<...>/ws/*/@connections/*]",
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/*]",
    "AwsSolutions-L1",
    "AwsSolutions-S1",
    "AwsSolutions-SQS3",
    "Serverless-APIGWAccessLogging",
    "Serverless-EventBusDLQ",
    "Serverless-LambdaDLQ",
    "Serverless-LambdaEventSourceMappingDestination",
    "Serverless-LambdaLatestVersion",
    "Serverless-LambdaTracing",
    "Serverless-SQSRedrivePolicy",
  ]);
}, 120_000);

test("what CloudFormation would refuse is refused before it gets there", () => {
  vi.stubEnv("CDK_CONTEXT_JSON", undefined);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const app = new App({ context: cdk.context });
  new CfnRule(new Stack(app, "Wrong"), "Rule", { scheduleExpression: "rate(5 seconds)" });
  expect(() => app.synth()).toThrow(/ScheduleExpression/);
}, 60_000);

test("the embedded cloud has its template without either", async () => {
  const outdir = await synthesize({ CDK_CONTEXT_JSON: '{"env":"local"}', CDK_VALIDATION: "false" });

  const { artifacts } = JSON.parse(readFileSync(join(outdir, "manifest.json"), "utf8"));
  expect(artifacts["Convoke-local"].properties.templateFile).toBe("Convoke-local.template.json");
}, 60_000);
