/** How an invocation ended, as the Lambda service would report it to whoever invoked. */
export type Invoked =
  | { ok: true; payload: unknown }
  /** Thrown by the function, or the end of its sandbox: exit, crash, out of memory, time-out, kill. */
  | {
      ok: false;
      kind: "error" | "exit" | "timeout" | "throttled";
      error: { errorType: string; errorMessage: string };
    };

/** The functions of the template, by logical id. */
export interface Lambdas {
  /** Waits for a free sandbox when the function has a limit to its concurrency and `wait` is set; otherwise answers `throttled`. */
  invoke(
    functionId: string,
    event: unknown,
    options?: {
      wait?: boolean;
      /** What the invocation is about, for the log: `POST /api/jobs`. Never a secret. */
      about?: string;
    },
  ): Promise<Invoked>;
}
