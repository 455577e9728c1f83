import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { env as names } from "../config.ts";
import { ask } from "./ask.ts";
import { ModelError } from "./errors.ts";
import type { Provider } from "./provider.ts";

/**
 * Amazon Bedrock, with the role of the function. Lambda renews a sandbox by replacing it, so the credentials in its
 * environment are good for as long as it lives; they are read at every call all the same, for processes that renew them
 * in place.
 */
export function bedrock(environment: NodeJS.ProcessEnv): Provider {
  const region = environment.AWS_REGION || environment.AWS_DEFAULT_REGION;
  if (!region) throw new ModelError("model_unknown", "No region for Amazon Bedrock: set AWS_REGION");
  const baseURL = environment[names.bedrockBaseUrl];
  const provider = createAmazonBedrock({
    region,
    ...(baseURL ? { baseURL } : {}),
    // A token of Bedrock's own comes before the role. Empty, so that the library looks no further where there is none.
    apiKey: environment.AWS_BEARER_TOKEN_BEDROCK ?? "",
    credentialProvider: async () => credentials(environment),
  });
  return async (model, request, call) => {
    if (!environment.AWS_BEARER_TOKEN_BEDROCK) credentials(environment);
    return ask(provider(model), request, call);
  };
}

function credentials(environment: NodeJS.ProcessEnv) {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new ModelError("model_unknown", "No AWS credentials for Amazon Bedrock in the environment");
  }
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
  };
}
