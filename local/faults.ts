import { Agent, createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export type Service = "dynamodb" | "sqs" | "s3";

/** A call of a function to an engine. */
export type Call = {
  service: Service;
  /** `PutItem`, `SendMessage`; for S3 the HTTP method. */
  operation: string;
  body: string;
};

/** What goes wrong with a call. */
export type Fault =
  /** The service refuses because of the rate. */
  | { kind: "throttle" }
  /** The service fails with a 500 and has done nothing. */
  | { kind: "error" }
  /** The service says this instead of doing it. */
  | { kind: "answer"; status: number; body: string }
  /** It never arrives. */
  | { kind: "lost request" }
  /** It is done, but nobody learns of it. */
  | { kind: "lost answer" }
  | { kind: "delay"; ms: number };

export interface FaultProxy {
  /** Where functions find each service instead of at its engine. */
  ports: Record<Service, number>;
  /** Decides about every call from now on; undefined lets all pass. */
  inject(decide: ((call: Call) => Fault | undefined) | undefined): void;
  /** Changes what an engine is asked, e.g. to have it report what a call consumes; undefined changes nothing. */
  amend(change: ((call: Call) => string) | undefined): void;
  /** Is told of every call that an engine answered. */
  observe(see: ((call: Call, answer: { status: number; body: string }) => void) | undefined): void;
  stop(): Promise<void>;
}

/**
 * Stands between functions and engines, for tests and measurements: the engines are kinder than AWS and never throttle,
 * fail or lose an answer by themselves. It costs a hop, so it is there only when asked for.
 */
export async function startFaultProxy(enginePorts: Record<Service, number>): Promise<FaultProxy> {
  let decide: ((call: Call) => Fault | undefined) | undefined;
  let see: ((call: Call, answer: { status: number; body: string }) => void) | undefined;
  let change: ((call: Call) => string) | undefined;
  const agent = new Agent({ keepAlive: true });

  const start = async (service: Service): Promise<Server> => {
    const server = createServer(async (incoming, outgoing) => {
      const body = await bytes(incoming);
      const target = incoming.headers["x-amz-target"];
      const operation = (typeof target === "string" && target.split(".").at(-1)) || incoming.method!;
      const call = { service, operation, body: body.toString("utf8") };
      const fault = decide?.(call);
      if (fault?.kind === "lost request") return incoming.socket.destroy();
      const instead = fault && standIn(service, fault);
      if (instead) {
        outgoing.writeHead(instead.status, { "content-type": contentTypes[service] });
        return outgoing.end(instead.body);
      }
      if (fault?.kind === "delay") await new Promise((resolve) => setTimeout(resolve, fault.ms));
      const asked = change ? Buffer.from(change(call)) : body;
      const forward = request(
        {
          host: "127.0.0.1",
          port: enginePorts[service],
          method: incoming.method,
          path: incoming.url,
          headers: { ...incoming.headers, "content-length": asked.length },
          agent,
        },
        async (answer) => {
          const content = await bytes(answer);
          see?.(call, { status: answer.statusCode!, body: content.toString("utf8") });
          if (fault?.kind === "lost answer") return incoming.socket.destroy();
          outgoing.writeHead(answer.statusCode!, answer.headers);
          return outgoing.end(content);
        },
      );
      forward.on("error", () => incoming.socket.destroy());
      return forward.end(asked);
    });
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    return server;
  };

  const servers = { dynamodb: await start("dynamodb"), sqs: await start("sqs"), s3: await start("s3") };
  const portOf = (server: Server) => (server.address() as AddressInfo).port;
  return {
    ports: { dynamodb: portOf(servers.dynamodb), sqs: portOf(servers.sqs), s3: portOf(servers.s3) },
    inject: (next) => {
      decide = next;
    },
    observe: (next) => {
      see = next;
    },
    amend: (next) => {
      change = next;
    },
    async stop() {
      agent.destroy();
      await Promise.all(
        Object.values(servers).map((server) => {
          server.closeAllConnections();
          return new Promise((resolve) => server.close(resolve));
        }),
      );
    },
  };
}

/**
 * The same faults for the same seed and the same calls.
 * @param rates - how likely each fault is, 0 to 1, for operations that `applies` to.
 */
export function randomFaults(
  seed: number,
  rates: Partial<Record<"throttle" | "error" | "lost request" | "lost answer", number>>,
  applies: (call: Call) => boolean = () => true,
): (call: Call) => Fault | undefined {
  const random = seededRandom(seed);
  return (call) => {
    if (!applies(call)) return undefined;
    let dice = random();
    for (const [kind, rate] of Object.entries(rates) as [keyof typeof rates, number][]) {
      if (dice < rate) return { kind };
      dice -= rate;
    }
    return undefined;
  };
}

/** mulberry32 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const contentTypes: Record<Service, string> = {
  dynamodb: "application/x-amz-json-1.0",
  sqs: "application/x-amz-json-1.0",
  s3: "application/xml",
};

function standIn(service: Service, fault: Fault): { status: number; body: string } | undefined {
  if (fault.kind === "answer") return fault;
  if (fault.kind !== "throttle" && fault.kind !== "error") return undefined;
  const throttled = fault.kind === "throttle";
  if (service === "s3") {
    const code = throttled ? "SlowDown" : "InternalError";
    return { status: 503, body: `<Error><Code>${code}</Code><Message>Injected</Message></Error>` };
  }
  const types =
    service === "dynamodb"
      ? ["com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "InternalServerError"]
      : ["com.amazonaws.sqs#RequestThrottled", "InternalFailure"];
  return {
    status: throttled ? 400 : 500,
    body: JSON.stringify({ __type: types[throttled ? 0 : 1], message: "Injected" }),
  };
}

async function bytes(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}
