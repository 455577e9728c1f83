import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

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

test("a synthesis needs no network and no account, and neither CDK nor cdk-nag finds what is not explained", async () => {
  const outdir = await synthesize({ CDK_CONTEXT_JSON: '{"env":"prod"}' });

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
    "AwsSolutions-IAM5[Resource::*]",
    "AwsSolutions-IAM5[Resource::<...>/*]",
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<...>/ws/*/@connections/*]",
    "AwsSolutions-S1",
    "AwsSolutions-SQS3",
    "Serverless-APIGWAccessLogging",
    "Serverless-EventBusDLQ",
    "Serverless-LambdaDLQ",
    "Serverless-LambdaEventSourceMappingDestination",
    "Serverless-SQSRedrivePolicy",
  ]);
}, 60_000);

test("a finding that nobody excused makes the synthesis fail", async () => {
  // The embedded cloud's clock counts in seconds, which AWS does not know: that template must never be deployed.
  await expect(synthesize({ CDK_CONTEXT_JSON: '{"env":"local"}' })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("ScheduleExpression"),
  });
}, 60_000);

test("the embedded cloud has its template without either", async () => {
  const outdir = await synthesize({ CDK_CONTEXT_JSON: '{"env":"local"}', CDK_VALIDATION: "false" });

  const { artifacts } = JSON.parse(readFileSync(join(outdir, "manifest.json"), "utf8"));
  expect(artifacts["Convoke-local"].properties.templateFile).toBe("Convoke-local.template.json");
}, 60_000);
