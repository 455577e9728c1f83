import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { BlockPublicAccess, Bucket, BucketEncryption } from "aws-cdk-lib/aws-s3";
import { Duration, RemovalPolicy } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { env } from "../core/config.ts";
import type { Environment } from "./environment.ts";

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
      lifecycleRules: [
        {
          // A day more than the journal, whose items may be read until DynamoDB has come round to deleting them.
          expiration: Duration.days(settings.journalKeptSeconds / 86_400 + 1),
          noncurrentVersionExpiration: Duration.days(7),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
      removalPolicy: production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
  }

  grantReadWrite(fn: LambdaFunction): void {
    fn.addToRolePolicy(
      new PolicyStatement({
        actions: ["s3:GetObject", "s3:PutObject"],
        resources: [this.bucket.arnForObjects("*")],
      }),
    );
    fn.addEnvironment(env.bucket, this.bucket.bucketName);
  }
}
