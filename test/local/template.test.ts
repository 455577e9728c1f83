import { expect, test } from "vitest";
import { synthesize } from "../../local/synthesize.ts";
import { loadTemplate, localAddresses } from "../../local/template.ts";
import { fixtureAssembly } from "../support/fixture-assembly.ts";

const queueCalled = (QueueName: unknown) => ({
  Queue: { Type: "AWS::SQS::Queue", Properties: { QueueName: QueueName as string } },
});

/** What the template makes of a value, read from an output. */
function resolved(value: unknown, more: object = {}, resources: object = queueCalled("jobs")) {
  const assembly = fixtureAssembly({
    resources: resources as never,
    more: { ...more, Outputs: { Value: { Value: value as never } } },
  });
  return loadTemplate(assembly).outputs.Value;
}

test("every resource of our own template is one that the embedded cloud can run", async () => {
  const template = loadTemplate(await synthesize());

  expect(template.of("AWS::Lambda::Function").length).toBeGreaterThanOrEqual(5);
  expect(template.of("AWS::Lambda::EventSourceMapping").length).toBeGreaterThanOrEqual(4);
});

test.each([
  ["Ref of a queue is its URL", { Ref: "Queue" }, "https://sqs.us-east-1.amazonaws.com/000000000000/jobs"],
  ["GetAtt as a list", { "Fn::GetAtt": ["Queue", "Arn"] }, "arn:aws:sqs:us-east-1:000000000000:jobs"],
  ["GetAtt as a text", { "Fn::GetAtt": "Queue.QueueName" }, "jobs"],
  ["Join", { "Fn::Join": ["-", ["a", { Ref: "AWS::Region" }]] }, "a-us-east-1"],
  ["Sub", { "Fn::Sub": `$\{AWS::AccountId}/$\{Queue.QueueName}/$\{!x}` }, `000000000000/jobs/$\{x}`],
  ["Sub with variables", { "Fn::Sub": [`$\{a}`, { a: { Ref: "AWS::Partition" } }] }, "aws"],
  ["Select and Split", { "Fn::Select": [1, { "Fn::Split": [":", "a:b:c"] }] }, "b"],
  ["FindInMap", { "Fn::FindInMap": ["Map", { Ref: "AWS::Region" }, "x"] }, "mapped"],
  ["If with And, Or, Not, Equals", { "Fn::If": ["Both", "yes", "no"] }, "yes"],
  ["a parameter's default", { Ref: "Parameter" }, "default"],
])("the resolver knows %s", (_, value, expected) => {
  const more = {
    Mappings: { Map: { "us-east-1": { x: "mapped" } } },
    Parameters: { Parameter: { Type: "String", Default: "default" } },
    Conditions: {
      Here: { "Fn::Equals": [{ Ref: "AWS::Region" }, "us-east-1"] },
      Both: {
        "Fn::And": [
          { Condition: "Here" },
          { "Fn::Or": [{ "Fn::Not": [{ Condition: "Here" }] }, { Condition: "Here" }] },
        ],
      },
    },
  };
  expect(resolved(value, more)).toBe(expected);
});

test("a resource whose condition does not hold is not there", () => {
  const assembly = fixtureAssembly({
    resources: { Queue: { Type: "AWS::SQS::Queue", Condition: "Never" } },
    more: { Conditions: { Never: { "Fn::Equals": ["a", "b"] } } },
  });
  expect(loadTemplate(assembly).of("AWS::SQS::Queue")).toEqual([]);
});

test.each([
  ["a resource type", { Cluster: { Type: "AWS::ECS::Cluster" } }, "AWS::ECS::Cluster"],
  ["a property", { Queue: { Type: "AWS::SQS::Queue", Properties: { FifoQueue: true } } }, "FifoQueue"],
  ["an intrinsic", queueCalled({ "Fn::ImportValue": "x" }), "Fn::ImportValue"],
  ["an attribute", queueCalled({ "Fn::GetAtt": ["Queue", "Age"] }), "Queue.Age"],
  ["a reference to nothing", queueCalled({ Ref: "Nobody" }), "Nobody"],
])("%s that it does not know stops the start by name", (_, resources, named) => {
  const assembly = fixtureAssembly({ resources: resources as never });

  expect(() => loadTemplate(assembly)).toThrow(named);
});

test("addresses on AWS become addresses on this machine", () => {
  const local = localAddresses({ gatewayPort: 4000, sqsPort: 5000, s3Port: 6000 });

  expect(local("https://abc.execute-api.us-east-1.amazonaws.com/ws")).toBe("http://127.0.0.1:4000/ws");
  expect(local("wss://abc.execute-api.us-east-1.amazonaws.com/ws")).toBe("ws://127.0.0.1:4000/ws");
  expect(local("https://sqs.us-east-1.amazonaws.com/000000000000/q")).toBe(
    "http://127.0.0.1:5000/000000000000/q",
  );
});

test("a function is found by an ARN inside of an invocation URI, and not by the beginning of its name", () => {
  const template = loadTemplate(fixtureAssembly({ functions: { work: { code: "" }, worker: { code: "" } } }));
  const uri = (name: string) =>
    `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:Fixture-${name}/invocations`;

  expect(template.find("AWS::Lambda::Function", uri("worker")).id).toBe("worker");
  expect(template.find("AWS::Lambda::Function", uri("work")).id).toBe("work");
});
