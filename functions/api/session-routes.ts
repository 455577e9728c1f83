import type { Principal } from "../../core/keys/keys.ts";
import type { Millis } from "../../core/protocol/json.ts";
import { iso } from "../../core/protocol/wire.ts";
import { type AnyRoute, route } from "./route.ts";
import * as schemas from "./schemas.ts";

const path = "/api/session";

function view({ id, tenant, scopes }: Principal, expiresAt: Millis | undefined) {
  return { tenant, name: id, scopes, expires_at: expiresAt === undefined ? null : iso(expiresAt) };
}

/** For pages of the service itself: a key is exchanged for a cookie, and then forgotten. */
export const sessionRoutes: AnyRoute[] = [
  route({
    method: "post",
    path,
    summary: "Signs a browser in: sets a cookie that stands for the key or token of this request",
    access: "known",
    answer: { status: 201, description: "Who is signed in, and until when", schema: schemas.session },
    handle: async ({ principal, session }, { services }) => {
      const opened = await services.keys.openSession(principal, services.settings.sessionSeconds);
      const lifeSeconds = Math.floor((opened.expiresAt - services.now()) / 1000);
      session.give(opened.session, lifeSeconds);
      return view(principal, opened.expiresAt);
    },
  }),

  route({
    method: "get",
    path,
    summary: "Says who is signed in",
    access: "known",
    answer: { status: 200, description: "The caller", schema: schemas.session },
    handle: async ({ principal }) => view(principal, principal.expiresAt),
  }),

  route({
    method: "delete",
    path,
    summary: "Signs a browser out",
    access: "open",
    answer: { status: 200, description: "The session is over, if there was one", schema: schemas.signedOut },
    handle: async ({ session }, { services }) => {
      if (session.current) await services.keys.closeSession(session.current);
      session.clear();
      return { signed_out: true as const };
    },
  }),
];
