import { WebSocket } from "ws";
import type { ServerMessage } from "../../core/protocol/message.ts";

type OfType<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

/** The WebSocket API as any client sees it, without ours. */
export async function plainSocket({ ws, key }: { ws: string | undefined; key: string }) {
  const socket = new WebSocket(ws!, { headers: { authorization: `Bearer ${key}` } });
  const messages: ServerMessage[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data))));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return {
    messages,
    ofType: <T extends ServerMessage["type"]>(type: T) =>
      messages.filter((message): message is OfType<T> => message.type === type),
    send: (message: object) => socket.send(JSON.stringify(message)),
    close: () => socket.close(),
  };
}
