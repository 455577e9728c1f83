import { Certificate } from "aws-cdk-lib/aws-certificatemanager";
import {
  AllowedMethods,
  type BehaviorOptions,
  CachePolicy,
  Distribution,
  Function as EdgeFunction,
  FunctionCode,
  FunctionEventType,
  FunctionRuntime,
  HeadersFrameOption,
  HeadersReferrerPolicy,
  HttpVersion,
  OriginRequestPolicy,
  ResponseHeadersPolicy,
  SecurityPolicyProtocol,
  ViewerProtocolPolicy,
} from "aws-cdk-lib/aws-cloudfront";
import { HttpOrigin, S3BucketOrigin } from "aws-cdk-lib/aws-cloudfront-origins";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { BlockPublicAccess, Bucket, BucketEncryption } from "aws-cdk-lib/aws-s3";
import { BucketDeployment, CacheControl, Source } from "aws-cdk-lib/aws-s3-deployment";
import { Duration, Fn, RemovalPolicy, Stack } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { env } from "../core/config.ts";
import type { Api } from "./api.ts";
import { excuse, spell } from "./findings.ts";
import { logGroupOf, type Plan } from "./lambda.ts";
import type { Payloads } from "./payloads.ts";
import type { Sockets } from "./sockets.ts";

/** Whom the page talks to. */
type Doors = { api: Api; sockets: Sockets; payloads: Payloads };

/** The page for people, and behind the same address the API and the WebSocket: for a browser all of it is one origin. */
export class Console extends Construct {
  readonly url: string;

  constructor(scope: Construct, id: string, plan: Plan, doors: Doors) {
    super(scope, id);
    const { consoleDomain, consoleCertificate } = plan.environment;
    const files = new Bucket(this, "Files", {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    excuse(files, "AwsSolutions-S1", "The files are the same for everybody and hold nothing of anybody");

    const distribution = new Distribution(this, "Distribution", {
      comment: "The console of Convoke",
      defaultRootObject: "index.html",
      httpVersion: HttpVersion.HTTP2_AND_3,
      ...(consoleDomain && consoleCertificate
        ? {
            domainNames: [consoleDomain],
            minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2025,
            certificate: Certificate.fromCertificateArn(this, "Certificate", consoleCertificate),
          }
        : {}),
      defaultBehavior: {
        origin: S3BucketOrigin.withOriginAccessControl(files),
        viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        // The files say how long they may be kept.
        cachePolicy: CachePolicy.CACHING_OPTIMIZED,
        compress: true,
        functionAssociations: [{ eventType: FunctionEventType.VIEWER_REQUEST, function: this.pages() }],
        responseHeadersPolicy: this.headers(doors),
      },
      additionalBehaviors: {
        "/api/*": passedOn(doors.api.url),
        "/ws": passedOn(doors.sockets.url),
      },
    });
    excuse(
      distribution,
      "AwsSolutions-CFR1",
      "Which countries may look at it is the decision of whoever deploys",
    );
    excuse(
      distribution,
      "AwsSolutions-CFR2",
      "A firewall has a price by the month; what it would keep out is kept out by keys, scopes and throttles",
    );
    excuse(
      distribution,
      "AwsSolutions-CFR3",
      "Everything but the page's public files goes to the API, which logs its requests",
    );
    if (!consoleCertificate)
      excuse(
        distribution,
        "AwsSolutions-CFR4",
        "CloudFront's own certificate allows no choice of TLS versions; consoleDomain and consoleCertificate do",
      );
    this.deploy(plan, files);
    this.url = `https://${consoleDomain ?? distribution.distributionDomainName}`;
  }

  /** Pages of the console may open WebSockets: of other origins' nobody may who is not named in the settings. */
  admit(fn: LambdaFunction): void {
    fn.addEnvironment(env.consoleUrl, this.url);
  }

  /** Addresses within the page are the page's to understand. `/api/*` and `/ws` never come here. */
  private pages(): EdgeFunction {
    return new EdgeFunction(this, "Pages", {
      comment: "Answers every address of a page with the page",
      runtime: FunctionRuntime.JS_2_0,
      code: FunctionCode.fromInline(
        [
          "function handler(event) {",
          "  var request = event.request;",
          "  var isFile = /^\\/(assets\\/.*|[^\\/]+\\.[a-z0-9]+)$/.test(request.uri);",
          '  if (!isFile) request.uri = "/index.html";',
          "  return request;",
          "}",
        ].join("\n"),
      ),
    });
  }

  /** The page shows what models write, so it may run, load and send nothing but its own. */
  private headers({ sockets, payloads }: Doors): ResponseHeadersPolicy {
    const values = `https://${payloads.bucket.bucketRegionalDomainName}`;
    const directives = [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "font-src 'self'",
      `img-src 'self' data: ${values}`,
      `media-src 'self' ${values}`,
      `connect-src 'self' ${sockets.url} ${values}`,
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ];
    return new ResponseHeadersPolicy(this, "Headers", {
      securityHeadersBehavior: {
        contentSecurityPolicy: { contentSecurityPolicy: directives.join("; "), override: true },
        contentTypeOptions: { override: true },
        frameOptions: { frameOption: HeadersFrameOption.DENY, override: true },
        referrerPolicy: { referrerPolicy: HeadersReferrerPolicy.NO_REFERRER, override: true },
        strictTransportSecurity: {
          accessControlMaxAge: Duration.days(730),
          includeSubdomains: true,
          override: true,
        },
      },
      customHeadersBehavior: {
        customHeaders: [
          {
            header: "Permissions-Policy",
            value: "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            override: true,
          },
          { header: "Cross-Origin-Opener-Policy", value: "same-origin", override: true },
        ],
      },
    });
  }

  /**
   * What has a hash in its name is kept forever, also of earlier builds, which open pages still load from; the page
   * itself comes last and is asked for every time.
   */
  private deploy(plan: Plan, destinationBucket: Bucket): void {
    const role = new Role(this, "DeployRole", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    const logGroup = logGroupOf(this, "DeployLog", plan.environment);
    logGroup.grantWrite(role);
    const common = {
      sources: [Source.asset(plan.page)],
      destinationBucket,
      role,
      logGroup,
      memoryLimit: 512,
      retainOnDelete: false,
    };
    const assets = new BucketDeployment(this, "Assets", {
      ...common,
      exclude: ["*"],
      include: ["assets/*"],
      prune: false,
      cacheControl: [CacheControl.fromString("public, max-age=31536000, immutable")],
    });
    const pages = new BucketDeployment(this, "Page", {
      ...common,
      exclude: ["assets/*"],
      cacheControl: [CacheControl.noCache()],
    });
    pages.node.addDependency(assets);
    excuseDeployment(role, destinationBucket);
  }
}

/** CDK's own function copies the files while a stack is deployed, and does nothing at any other time. */
function excuseDeployment(role: Role, { bucketArn }: Bucket): void {
  const stack = Stack.of(role);
  const assets = `arn:<AWS::Partition>:s3:::cdk-${stack.synthesizer.bootstrapQualifier}-assets-<AWS::AccountId>-<AWS::Region>`;
  for (const action of ["GetBucket*", "GetObject*", "List*", "Abort*", "DeleteObject*"])
    excuse(
      role,
      `AwsSolutions-IAM5[Action::s3:${action}]`,
      "As CDK grants reading assets and writing a bucket",
    );
  for (const bucket of [assets, spell(stack.resolve(bucketArn))])
    excuse(
      role,
      `AwsSolutions-IAM5[Resource::${bucket}/*]`,
      "It copies what the build gave it, under its names",
    );
  const fn = stack.node.children.find(({ node }) => node.id.startsWith("Custom::CDKBucketDeployment"))!;
  const reason = "CDK's own, called by CloudFormation, which waits for its answer and shows what it logs";
  for (const rule of [
    "AwsSolutions-L1",
    "Serverless-LambdaDLQ",
    "Serverless-LambdaLatestVersion",
    "Serverless-LambdaTracing",
  ] as const)
    excuse(fn, rule, reason);
}

/** As it came, to an API: nothing is kept, and the host is the API's own. */
function passedOn(url: string): BehaviorOptions {
  return {
    origin: new HttpOrigin(Fn.select(2, Fn.split("/", url))),
    viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
    allowedMethods: AllowedMethods.ALLOW_ALL,
    cachePolicy: CachePolicy.CACHING_DISABLED,
    originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
  };
}
