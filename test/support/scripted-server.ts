import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type SeenRequest = {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  // A request as its provider's protocol has it; a test looks at the part it is about.
  // biome-ignore lint/suspicious/noExplicitAny: free form
  body: any;
  /** Resolves when the client has gone before the answer was complete. */
  abandoned: Promise<void>;
};

/** What a server does with one request. */
export type Act = (response: ServerResponse, request: SeenRequest) => void | Promise<void>;

export type ScriptedServer = {
  url: string;
  requests: SeenRequest[];
  /** What the next requests are answered with; the last act is repeated. */
  script(...acts: Act[]): void;
  close(): Promise<void>;
};

/** An HTTP server on this machine that answers request by request as a test has told it. */
export async function scriptedServer(): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  let acts: Act[] = [];
  const server = createServer(async (incoming, response) => {
    const { promise: abandoned, resolve } = Promise.withResolvers<void>();
    response.on("close", () => response.writableFinished || resolve());
    let text = "";
    for await (const chunk of incoming) text += chunk;
    const request = {
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      headers: incoming.headers,
      body: text ? JSON.parse(text) : undefined,
      abandoned,
    };
    requests.push(request);
    const act = acts.length > 1 ? acts.shift() : acts[0];
    if (!act) response.writeHead(500).end("The test has scripted no answer");
    else await act(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    script: (...next) => {
      acts = next;
      requests.length = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A refusal before anything was said. */
export function refuses(status: number, body: unknown, headers: Record<string, string> = {}): Act {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
}

/** Takes the request and says nothing at all. */
export const keepsSilent: Act = () => {};

/** Drops the connection without an answer. */
export const hangsUp: Act = (response) => {
  response.destroy();
};
