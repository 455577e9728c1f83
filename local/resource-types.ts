import * as z from "zod";

/**
 * The contract of the embedded cloud: the resource types and properties that it interprets. Everything else in a
 * template stops the start, because a resource that is skipped in silence is a test that proves nothing.
 */

/**
 * Instead of its own type: a function that CloudFormation calls for a custom resource. It is CDK's, and what it would
 * do on AWS this machine does by itself.
 */
export const calledByCustomResources = "Custom::Function";

/** A property that changes nothing of what a program on this machine can see: encryption at rest, tags, access logs. */
const inert = z.unknown().optional();
const tags = { Tags: inert };
const arn = z.string();

/** A type that only matters to AWS itself: permissions, log groups, alarms. */
const inertType = z.looseObject({});

const keySchema = z.array(z.strictObject({ AttributeName: z.string(), KeyType: z.enum(["HASH", "RANGE"]) }));

const secondaryIndex = z.strictObject({
  IndexName: z.string(),
  KeySchema: keySchema,
  Projection: z.strictObject({
    ProjectionType: z.enum(["ALL", "KEYS_ONLY", "INCLUDE"]),
    NonKeyAttributes: z.array(z.string()).optional(),
  }),
  ContributorInsightsSpecification: inert,
  ProvisionedThroughput: inert,
  OnDemandThroughput: inert,
  WarmThroughput: inert,
});

const scheduleState = z.enum(["ENABLED", "DISABLED"]).default("ENABLED");

/** One of a distribution's behaviors: which paths go where, and what is done on the way. */
const behavior = z.strictObject({
  TargetOriginId: z.string(),
  // There is neither TLS nor a cache here.
  ViewerProtocolPolicy: inert,
  CachePolicyId: z.string(),
  OriginRequestPolicyId: z.string().optional(),
  ResponseHeadersPolicyId: z.string().optional(),
  AllowedMethods: inert,
  CachedMethods: inert,
  Compress: inert,
  FunctionAssociations: z
    .array(z.strictObject({ EventType: z.literal("viewer-request"), FunctionARN: arn }))
    .default([]),
});

export const resourceTypes = {
  "AWS::DynamoDB::Table": z.strictObject({
    TableName: z.string().optional(),
    KeySchema: keySchema,
    AttributeDefinitions: z.array(
      z.strictObject({ AttributeName: z.string(), AttributeType: z.enum(["S", "N", "B"]) }),
    ),
    GlobalSecondaryIndexes: z.array(secondaryIndex).optional(),
    StreamSpecification: z
      .strictObject({
        StreamViewType: z.enum(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]),
      })
      .optional(),
    TimeToLiveSpecification: z
      .strictObject({ AttributeName: z.string().optional(), Enabled: z.boolean() })
      .optional(),
    BillingMode: inert,
    ProvisionedThroughput: inert,
    OnDemandThroughput: inert,
    WarmThroughput: inert,
    PointInTimeRecoverySpecification: inert,
    ContributorInsightsSpecification: inert,
    DeletionProtectionEnabled: inert,
    SSESpecification: inert,
    TableClass: inert,
    ResourcePolicy: inert,
    ...tags,
  }),
  "AWS::SQS::Queue": z.strictObject({
    QueueName: z.string().optional(),
    VisibilityTimeout: z.number().default(30),
    DelaySeconds: z.number().default(0),
    MessageRetentionPeriod: z.number().optional(),
    MaximumMessageSize: z.number().optional(),
    ReceiveMessageWaitTimeSeconds: z.number().optional(),
    RedrivePolicy: z
      .strictObject({ deadLetterTargetArn: arn, maxReceiveCount: z.coerce.number() })
      .optional(),
    RedriveAllowPolicy: inert,
    KmsMasterKeyId: inert,
    KmsDataKeyReusePeriodSeconds: inert,
    SqsManagedSseEnabled: inert,
    ...tags,
  }),
  "AWS::S3::Bucket": z.strictObject({
    BucketName: z.string().optional(),
    BucketEncryption: inert,
    PublicAccessBlockConfiguration: inert,
    OwnershipControls: inert,
    LoggingConfiguration: inert,
    VersioningConfiguration: inert,
    // Expiry saves money on AWS; here the data directory is the user's to delete.
    LifecycleConfiguration: inert,
    CorsConfiguration: z
      .strictObject({
        CorsRules: z.array(
          z.strictObject({
            AllowedMethods: z.array(z.string()),
            AllowedOrigins: z.array(z.string()),
            AllowedHeaders: z.array(z.string()).optional(),
            MaxAge: inert,
          }),
        ),
      })
      .optional(),
    ...tags,
  }),
  "AWS::Lambda::Function": z.strictObject({
    FunctionName: z.string().optional(),
    Code: z.strictObject({ S3Bucket: z.string(), S3Key: z.string() }),
    Handler: z.string(),
    Runtime: z.string().regex(/^nodejs/),
    Timeout: z.number().default(3),
    MemorySize: z.number().default(128),
    Environment: z.strictObject({ Variables: z.record(z.string(), z.string()).default({}) }).optional(),
    ReservedConcurrentExecutions: z.number().optional(),
    RecursiveLoop: z.enum(["Allow", "Terminate"]).default("Terminate"),
    LoggingConfig: z
      .strictObject({
        LogFormat: z.enum(["JSON", "Text"]).optional(),
        ApplicationLogLevel: z.string().optional(),
        SystemLogLevel: inert,
        LogGroup: z.string().optional(),
      })
      .optional(),
    Architectures: inert,
    Description: inert,
    EphemeralStorage: inert,
    Role: inert,
    TracingConfig: inert,
    ...tags,
  }),
  "AWS::Lambda::EventSourceMapping": z.strictObject({
    EventSourceArn: arn,
    FunctionName: z.string(),
    Enabled: z.boolean().default(true),
    BatchSize: z.number().optional(),
    MaximumBatchingWindowInSeconds: z.number().default(0),
    FunctionResponseTypes: z.array(z.literal("ReportBatchItemFailures")).default([]),
    FilterCriteria: z.strictObject({ Filters: z.array(z.strictObject({ Pattern: z.string() })) }).optional(),
    /** SQS only. */
    ScalingConfig: z.strictObject({ MaximumConcurrency: z.number().optional() }).optional(),
    /** Streams only, as are all of the following. */
    StartingPosition: z.enum(["TRIM_HORIZON", "LATEST"]).optional(),
    ParallelizationFactor: z.number().default(1),
    BisectBatchOnFunctionError: z.boolean().default(false),
    MaximumRetryAttempts: z.number().default(-1),
    MaximumRecordAgeInSeconds: z.number().default(-1),
    DestinationConfig: z.strictObject({ OnFailure: z.strictObject({ Destination: arn }) }).optional(),
    MetricsConfig: inert,
    ...tags,
  }),
  "AWS::Events::Rule": z.strictObject({
    Name: z.string().optional(),
    ScheduleExpression: z.string(),
    State: scheduleState,
    Targets: z.array(
      z.strictObject({
        Arn: arn,
        Id: z.string(),
        Input: z.string().optional(),
        RetryPolicy: inert,
        DeadLetterConfig: inert,
      }),
    ),
    Description: inert,
    ...tags,
  }),
  "AWS::Scheduler::Schedule": z.strictObject({
    Name: z.string().optional(),
    ScheduleExpression: z.string(),
    ScheduleExpressionTimezone: z.string().optional(),
    State: scheduleState,
    FlexibleTimeWindow: inert,
    GroupName: inert,
    Description: inert,
    Target: z.strictObject({
      Arn: arn,
      Input: z.string().optional(),
      RoleArn: inert,
      RetryPolicy: inert,
      DeadLetterConfig: inert,
    }),
  }),
  "AWS::ApiGatewayV2::Api": z.strictObject({
    Name: z.string(),
    ProtocolType: z.enum(["HTTP", "WEBSOCKET"]),
    RouteSelectionExpression: z.string().optional(),
    CorsConfiguration: z
      .strictObject({
        AllowOrigins: z.array(z.string()).optional(),
        AllowMethods: z.array(z.string()).optional(),
        AllowHeaders: z.array(z.string()).optional(),
        ExposeHeaders: z.array(z.string()).optional(),
        AllowCredentials: z.boolean().optional(),
        MaxAge: z.number().optional(),
      })
      .optional(),
    Description: inert,
    DisableExecuteApiEndpoint: z.literal(false).optional(),
    IpAddressType: inert,
    ...tags,
  }),
  "AWS::ApiGatewayV2::Stage": z.strictObject({
    ApiId: z.string(),
    StageName: z.string(),
    AutoDeploy: inert,
    DeploymentId: inert,
    AccessLogSettings: inert,
    DefaultRouteSettings: inert,
    RouteSettings: inert,
    Description: inert,
    StageVariables: z.record(z.string(), z.string()).optional(),
    ...tags,
  }),
  "AWS::ApiGatewayV2::Route": z.strictObject({
    ApiId: z.string(),
    RouteKey: z.string(),
    Target: z.string(),
    AuthorizationType: z.enum(["NONE", "CUSTOM"]).default("NONE"),
    AuthorizerId: z.string().optional(),
    RouteResponseSelectionExpression: z.string().optional(),
    ApiKeyRequired: inert,
    OperationName: inert,
  }),
  "AWS::ApiGatewayV2::RouteResponse": z.strictObject({
    ApiId: z.string(),
    RouteId: z.string(),
    RouteResponseKey: z.string(),
  }),
  "AWS::ApiGatewayV2::Integration": z.strictObject({
    ApiId: z.string(),
    IntegrationType: z.literal("AWS_PROXY"),
    IntegrationUri: z.string(),
    PayloadFormatVersion: z.enum(["1.0", "2.0"]).optional(),
    TimeoutInMillis: z.number().optional(),
    IntegrationMethod: inert,
    ContentHandlingStrategy: inert,
    Description: inert,
  }),
  "AWS::ApiGatewayV2::Authorizer": z.strictObject({
    ApiId: z.string(),
    Name: z.string(),
    AuthorizerType: z.literal("REQUEST"),
    AuthorizerUri: z.string(),
    IdentitySource: z.array(z.string()).optional(),
    AuthorizerPayloadFormatVersion: z.enum(["1.0", "2.0"]).optional(),
    AuthorizerResultTtlInSeconds: z.number().optional(),
    EnableSimpleResponses: z.boolean().optional(),
    AuthorizerCredentialsArn: inert,
  }),
  "AWS::ApiGatewayV2::Deployment": inertType,
  "AWS::CDK::Metadata": inertType,
  "AWS::CloudFront::Distribution": z.strictObject({
    DistributionConfig: z.strictObject({
      DefaultCacheBehavior: behavior,
      CacheBehaviors: z.array(behavior.extend({ PathPattern: z.string() })).optional(),
      DefaultRootObject: z.string().optional(),
      Origins: z.array(z.looseObject({ Id: z.string(), DomainName: z.string() })),
      Enabled: z.literal(true),
      Aliases: inert,
      Comment: inert,
      HttpVersion: inert,
      IPV6Enabled: inert,
      Logging: inert,
      PriceClass: inert,
      Restrictions: inert,
      ViewerCertificate: inert,
      WebACLId: inert,
    }),
    ...tags,
  }),
  "AWS::CloudFront::Function": z.strictObject({
    Name: z.string(),
    FunctionCode: z.string(),
    FunctionConfig: z.looseObject({ Runtime: z.literal("cloudfront-js-2.0") }),
    AutoPublish: inert,
    ...tags,
  }),
  "AWS::CloudFront::OriginAccessControl": inertType,
  "AWS::CloudFront::ResponseHeadersPolicy": z.strictObject({
    ResponseHeadersPolicyConfig: z.strictObject({
      Name: inert,
      Comment: inert,
      SecurityHeadersConfig: z
        .strictObject({
          ContentSecurityPolicy: z.looseObject({ ContentSecurityPolicy: z.string() }).optional(),
          ContentTypeOptions: z.looseObject({}).optional(),
          FrameOptions: z.looseObject({ FrameOption: z.string() }).optional(),
          ReferrerPolicy: z.looseObject({ ReferrerPolicy: z.string() }).optional(),
          StrictTransportSecurity: z
            .looseObject({ AccessControlMaxAgeSec: z.number(), IncludeSubdomains: z.boolean().optional() })
            .optional(),
        })
        .optional(),
      CustomHeadersConfig: z
        .strictObject({ Items: z.array(z.looseObject({ Header: z.string(), Value: z.string() })) })
        .optional(),
    }),
  }),
  "AWS::CloudWatch::Alarm": inertType,
  "AWS::CloudWatch::CompositeAlarm": inertType,
  "AWS::CloudWatch::Dashboard": inertType,
  "AWS::IAM::ManagedPolicy": inertType,
  "AWS::IAM::Policy": inertType,
  "AWS::IAM::Role": inertType,
  "AWS::Lambda::LayerVersion": inertType,
  "AWS::Lambda::Permission": inertType,
  "AWS::Logs::LogGroup": inertType,
  "AWS::Logs::MetricFilter": inertType,
  "AWS::Logs::ResourcePolicy": inertType,
  "AWS::S3::BucketPolicy": inertType,
  "AWS::SNS::Subscription": inertType,
  "AWS::SNS::Topic": inertType,
  "AWS::SQS::QueuePolicy": inertType,
  // The files of an asset, to be put into a bucket.
  "Custom::CDKBucketDeployment": z.strictObject({
    ServiceToken: arn,
    SourceBucketNames: inert,
    SourceObjectKeys: z.array(z.string()),
    DestinationBucketName: z.string(),
    Exclude: z.array(z.string()).default([]),
    Include: z.array(z.string()).default([]),
    SystemMetadata: z.record(z.string(), z.string()).default({}),
    // What an earlier deployment left is not here, and nothing stands between the files and who asks for them.
    Prune: inert,
    RetainOnDelete: inert,
    WaitForDistributionInvalidation: inert,
    OutputObjectKeys: inert,
  }),
  [calledByCustomResources]: inertType,
} as const;

export type ResourceType = keyof typeof resourceTypes;
export type Properties<T extends ResourceType> = z.infer<(typeof resourceTypes)[T]>;

/** The parts of an ARN that say where it is: `arn:aws:<service>:<region>:<account>:`. */
export const account = "000000000000";
export const region = "us-east-1";
const arnOf = (service: string, rest: string) => `arn:aws:${service}:${region}:${account}:${rest}`;

type Named = { id: string; name: string };

/** What `Fn::GetAtt` answers, by type and attribute. `id` is the logical id, `name` the physical one. */
export const attributes: Partial<Record<ResourceType, Record<string, (resource: Named) => string>>> = {
  "AWS::DynamoDB::Table": {
    Arn: ({ name }) => arnOf("dynamodb", `table/${name}`),
    StreamArn: ({ name }) => arnOf("dynamodb", `table/${name}/stream/local`),
  },
  "AWS::SQS::Queue": {
    Arn: ({ name }) => arnOf("sqs", name),
    QueueName: ({ name }) => name,
  },
  "AWS::S3::Bucket": {
    Arn: ({ name }) => `arn:aws:s3:::${name}`,
    RegionalDomainName: ({ name }) => `${name}.s3.${region}.amazonaws.com`,
  },
  "AWS::Lambda::Function": { Arn: ({ name }) => arnOf("lambda", `function:${name}`) },
  "AWS::Events::Rule": { Arn: ({ name }) => arnOf("events", `rule/${name}`) },
  "AWS::Scheduler::Schedule": { Arn: ({ name }) => arnOf("scheduler", `schedule/default/${name}`) },
  "AWS::ApiGatewayV2::Api": {
    ApiId: ({ name }) => name,
    ApiEndpoint: ({ name }) => `https://${name}.execute-api.${region}.amazonaws.com`,
  },
  "AWS::ApiGatewayV2::Authorizer": { AuthorizerId: ({ name }) => name },
  "AWS::CloudFront::Distribution": { DomainName: ({ name }) => `${name.toLowerCase()}.cloudfront.net` },
  "AWS::CloudFront::Function": {
    FunctionARN: ({ name }) => `arn:aws:cloudfront::${account}:function/${name}`,
  },
  "AWS::CloudFront::OriginAccessControl": { Id: ({ name }) => name },
  "AWS::CloudWatch::Alarm": { Arn: ({ name }) => arnOf("cloudwatch", `alarm:${name}`) },
  "AWS::CloudWatch::CompositeAlarm": { Arn: ({ name }) => arnOf("cloudwatch", `alarm:${name}`) },
  "AWS::IAM::Role": { Arn: ({ name }) => `arn:aws:iam::${account}:role/${name}` },
  "AWS::Logs::LogGroup": { Arn: ({ name }) => arnOf("logs", `log-group:${name}:*`) },
  "AWS::SNS::Topic": { TopicArn: ({ name }) => arnOf("sns", name), TopicName: ({ name }) => name },
  [calledByCustomResources]: { Arn: ({ name }) => arnOf("lambda", `function:${name}`) },
};
