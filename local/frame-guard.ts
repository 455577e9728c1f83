import type { Duplex } from "node:stream";

/**
 * Calls back when a client begins a frame that is too long, with the number of messages before it. `ws` limits whole messages only, API Gateway each frame:
 * a message of up to 128 KB has to come in frames of up to 32 KB.
 * Reads along the headers of the frames (RFC 6455, 5.2) ahead of `ws` itself.
 */
export function guardFrames(
  socket: Duplex,
  maxBytes: number,
  onTooLarge: (messagesBefore: number) => void,
): void {
  const header = Buffer.alloc(14);
  let have = 0;
  let skip = 0;
  let messages = 0;
  const read = (chunk: Buffer) => {
    let at = 0;
    while (at < chunk.length) {
      if (skip > 0) {
        const skipped = Math.min(skip, chunk.length - at);
        skip -= skipped;
        at += skipped;
        continue;
      }
      header[have++] = chunk[at++]!;
      if (have < 2) continue;
      const short = header[1]! & 0x7f;
      const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
      const masked = header[1]! & 0x80 ? 4 : 0;
      if (have < 2 + extended + masked) continue;
      const length =
        extended === 0 ? short : extended === 2 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2));
      if (length > maxBytes) {
        socket.off("data", read);
        return onTooLarge(messages);
      }
      const isLastOfMessage = (header[0]! & 0x80) !== 0 && (header[0]! & 0x0f) < 8;
      if (isLastOfMessage) messages++;
      have = 0;
      skip = length;
    }
  };
  socket.prependListener("data", read);
}
