import { WebSocket } from "ws";

/** Sockets for a client, which a test can refuse, listen to, and cut as a lost network does: without a word. */
export function cuttableSockets() {
  const sockets = new Set<WebSocket>();
  const frames: string[] = [];
  let refused = false;
  class Cuttable extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(refused ? "ws://127.0.0.1:9" : url, protocols ?? []);
      sockets.add(this);
      this.on("message", (data) => frames.push(String(data)));
      this.on("close", () => sockets.delete(this));
    }
  }
  return {
    WebSocket: Cuttable as unknown as typeof globalThis.WebSocket,
    /** Every frame that arrived on any of them. */
    frames,
    /** @returns how many there were to be cut. */
    cut(): number {
      const open = [...sockets].filter(({ readyState }) => readyState === WebSocket.OPEN);
      for (const socket of open) socket.terminate();
      return open.length;
    },
    refuse(yes: boolean): void {
      refused = yes;
    },
  };
}
