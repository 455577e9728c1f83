import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Whose code is running: the jobs of a batch share a process, and a promise that nobody waits for, or a context that
 * is used where it must not be, should be put down to one of them.
 */
export const place = new AsyncLocalStorage<{ jobId: string; step?: string }>();
