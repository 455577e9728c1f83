import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { BlockPublicAccess, Bucket, BucketEncryption, type CorsRule, HttpMethods } from "aws-cdk-lib/aws-s3";
import { Duration, RemovalPolicy } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { env } from "../core/config.ts";
import { longestJournalMs } from "../core/journal/retention.ts";
import { uploadPrefix } from "../core/payloads/payloads.ts";
import type { Environment } from "./environment.ts";
import { excuse, excuseWildcard } from "./findings.ts";

/** What is too large for a journal entry. Gone when the journal that refers to it is. */
export class Payloads extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { settings, production }: Environment) {
    super(scope, id);
    this.bucket = new Bucket(this, "Bucket", {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      versioned: true,
      cors: [corsRule],
      lifecycleRules: [
        {
          prefix: uploadPrefix,
          expiration: Duration.seconds(settings.uploadKeptSeconds),
          noncurrentVersionExpiration: Duration.days(1),
        },
        {
          // As long as the oldest entry that may refer to it, and a day more.
          expiration: Duration.days(longestJournalMs(settings) / 86_400_000 + 1),
          noncurrentVersionExpiration: Duration.days(7),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
      removalPolicy: production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    excuse(
      this.bucket,
      "AwsSolutions-S1",
      "Only the functions may read or write, and the journal says which job refers to which object; whoever must " +
        "prove each access turns on CloudTrail data events, which name the caller as these logs do not",
    );
  }

  grantReadWrite(fn: LambdaFunction): void {
    this.grant(fn, ["s3:GetObject", "s3:PutObject"]);
  }

  grantWrite(fn: LambdaFunction): void {
    this.grant(fn, ["s3:PutObject"]);
  }

  private grant(fn: LambdaFunction, actions: string[]): void {
    const objects = this.bucket.arnForObjects("*");
    fn.addToRolePolicy(new PolicyStatement({ actions, resources: [objects] }));
    excuseWildcard(
      fn,
      objects,
      "Object keys are made of tenants, jobs and hashes, which nobody knows beforehand",
    );
    fn.addEnvironment(env.bucket, this.bucket.bucketName);
  }
}

/**
 * For pages, which put and read by links. The link itself is what opens an object, and no cookie or key is sent with it,
 * so no origin is named: a redirect from another origin's API comes with the origin `null`. Our own page's redirects
 * carry the header along that its requests have.
 */
const corsRule: CorsRule = {
  allowedMethods: [HttpMethods.PUT, HttpMethods.GET],
  allowedOrigins: ["*"],
  allowedHeaders: ["content-type", "x-amz-checksum-sha256", "x-convoke-session"],
  maxAge: 3600,
};
