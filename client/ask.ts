import type { Api } from "./api.ts";
import type { Method, Query, Send, SendOptions } from "./http.ts";

/** What a route is sent; parts that may be left out may be absent. */
export type Request<R extends keyof Api> = Parts<R> & Manner;

type Parts<R extends keyof Api> = Part<"path", Api[R]["path"]> &
  Part<"query", Api[R]["query"]> &
  Part<"body", Api[R]["body"]>;

type Part<Name extends string, T> = [T] extends [undefined]
  ? { [name in Name]?: undefined }
  : undefined extends T
    ? { [name in Name]?: T }
    : Record<never, never> extends T
      ? { [name in Name]?: T }
      : { [name in Name]: T };

type Manner = Pick<SendOptions, "headers" | "signal" | "once" | "sha256" | "file">;

/** Sends what a route takes, and resolves to what it gives. */
export type Ask = <R extends keyof Api>(route: R, request: Request<R>) => Promise<Awaited<Api[R]["answer"]>>;

export function asking(send: Send): Ask {
  return (route, { path, ...rest }) => {
    const [method, template] = route.split(" ") as [Method, string];
    const names = (path ?? {}) as Record<string, string | number>;
    const filled = template.replace(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(String(names[name])),
    );
    return send(method, filled, rest as SendOptions & { query?: Query });
  };
}
