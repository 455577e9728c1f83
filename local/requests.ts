import { randomBytes } from "node:crypto";
import type { Invoked } from "./lambdas.ts";

/** @returns undefined when the invocation takes longer than its integration may. It goes on all the same, as on AWS. */
export async function within(timeoutMs: number, invocation: Promise<Invoked>): Promise<Invoked | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timedOut = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  try {
    return await Promise.race([invocation, timedOut]);
  } finally {
    clearTimeout(timer);
  }
}

/** As API Gateway makes them: `L0SM9cOFvHcCIhw=`. A client has to encode it in a path. */
export function newRequestId(): string {
  return `${randomBytes(11).toString("base64url")}=`;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value: number) => String(value).padStart(2, "0");

/** `12/Mar/2020:19:03:58 +0000` */
export function requestTime(at: number): string {
  const date = new Date(at);
  const day = `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}
