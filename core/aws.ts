import { Unavailable } from "./protocol/error.ts";

type SdkError = Error & {
  $fault?: "client" | "server";
  $retryable?: object;
  $metadata?: { httpStatusCode?: number };
};

/** Throttling comes as a client's fault under many names. */
const throttled =
  /Throttl|TooManyRequests|LimitExceeded|ProvisionedThroughput|SlowDown|TransactionInProgress/;

/** No answer, one that says "not now", or one that says "my fault": the call may or may not have had its effect. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { $fault, $retryable, $metadata, name } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  return (
    $fault === "server" ||
    $retryable !== undefined ||
    throttled.test(name) ||
    status === 429 ||
    (status !== undefined && status >= 500) ||
    isSilence(error)
  );
}

/** Refused, reset or timed-out connections, and our own time limit. */
function isSilence(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return (
    ["TimeoutError", "AbortError", "NetworkingError"].includes(error.name) ||
    (typeof code === "string" && /^(E[A-Z]+|ERR_SOCKET.*|UND_ERR.*)$/.test(code))
  );
}

/**
 * Calls a service of AWS, whose client has its own retries.
 * @throws Unavailable for what another try may cure; everything else as it is.
 */
export async function calling<T>(service: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isUnavailable(error)) throw new Unavailable(`${service} did not answer`, { cause: error });
    throw error;
  }
}
