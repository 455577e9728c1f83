import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { run } from "../../client/cli/program.ts";
import { door } from "../functions/api/door.ts";

/** The API behind a real socket. Of WebSockets it says an address at which nobody listens: the client has to poll. */
export async function servedDoor(options: Parameters<typeof door>[0] = {}) {
  const api = await door({ ...options, settings: { socketUrl: "ws://127.0.0.1:9/ws" } });
  const server = createServer(async (request, response) => {
    const raw = await text(request);
    const { authorization: _key, host: _host, ...headers } = request.headers as Record<string, string>;
    const answer = await api.ask(request.method!, request.url!, { headers, ...(raw ? { raw } : {}) });
    response.writeHead(answer.status, answer.headers).end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** Runs the command line against it. */
  const command = (...args: string[]) => commandWith(new PassThrough(), ...args);

  /** The same, for somebody who types. */
  async function commandWith(stdin: PassThrough, ...args: string[]) {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const code = await run(args, {
      environment: { CONVOKE_URL: url, CONVOKE_KEY: "key" },
      directory: "/",
      stdin,
      stdout: stdout as unknown as NodeJS.WriteStream,
      stderr: stderr as unknown as NodeJS.WriteStream,
      onInterrupt: () => () => {},
    });
    stdout.end();
    stderr.end();
    return { code, out: await text(stdout), err: await text(stderr) };
  }

  return { api, url, command, commandWith, close: () => new Promise((resolve) => server.close(resolve)) };
}
