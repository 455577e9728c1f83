import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { CookieOptions } from "hono/utils/cookie";

/** The session that a browser keeps for a page of ours, where no script can read it. */
export type SessionCookie = {
  /** What it sent with a request that only our own page can have made. */
  current?: string;
  give(session: string, lifeSeconds: number): void;
  clear(): void;
};

const name = "convoke_session";

/**
 * A cookie goes along with whatever any site makes a browser ask for, so it counts only beside something that a page
 * of another origin cannot send: our header, which CORS allows to nobody. An address in a page (a video, a download)
 * cannot carry a header; there the browser itself says that the page is of this origin, and reading changes nothing.
 */
export function sessionCookie(c: Context): SessionCookie {
  const isOurs =
    c.req.header("x-convoke-session") === "1" ||
    (c.req.method === "GET" && c.req.header("sec-fetch-site") === "same-origin");
  // Only a laptop is asked over plain HTTP. Cookies do not keep ports apart, and two services may run there.
  const secure = c.req.header("x-forwarded-proto") !== "http";
  const own = secure ? name : `${name}_${c.req.header("host")?.split(":")[1] ?? "80"}`;
  const options: CookieOptions = {
    path: "/",
    httpOnly: true,
    sameSite: "Strict",
    ...(secure ? { secure, prefix: "host" } : {}),
  };
  const current = isOurs ? getCookie(c, own, options.prefix) : undefined;
  return {
    ...(current ? { current } : {}),
    give: (session, lifeSeconds) => setCookie(c, own, session, { ...options, maxAge: lifeSeconds }),
    clear: () => void deleteCookie(c, own, options),
  };
}
