import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { load, store } from "../../core/payloads/payloads.ts";
import { NotFound, TooLarge, Unavailable } from "../../core/protocol/error.ts";
import { inBothWorlds } from "../support/worlds.ts";

const job = { tenant: "acme", jobId: "j-1" };

inBothWorlds((world, engines) => {
  test("what was put is got, whatever letters it is made of", async () => {
    const { payloads } = world();
    const json = JSON.stringify({ text: "naïve 🚀 ".repeat(10_000) });
    const ref = await payloads.put(job, json);
    expect(ref).toEqual({
      key: `acme/j-1/${ref.sha256}`,
      bytes: Buffer.byteLength(json),
      sha256: ref.sha256,
    });
    expect(await payloads.get(ref)).toBe(json);
  });

  test("bytes that are no text are stored as they are", async () => {
    const { payloads } = world();
    const bytes = Uint8Array.from([0x50, 0x4b, 0xff, 0x00]);
    const kind = { contentType: "application/zip", fileName: "files.zip" };
    const ref = await payloads.put(job, bytes, kind);
    expect(ref.bytes).toBe(4);
    await expect(payloads.get(ref)).rejects.toThrow(TypeError);
    if (!engines) return;
    const answer = await fetch(await payloads.readingLink(ref, 60));
    expect(answer.headers.get("content-type")).toBe("application/zip");
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes);
  });

  test("the same value under the same job is the same object", async () => {
    const { payloads } = world();
    expect(await payloads.put(job, "[1]")).toEqual(await payloads.put(job, "[1]"));
  });

  test("a copy below another job is the same value, and outlives the original's job", async () => {
    const { payloads } = world();
    const json = JSON.stringify("naïve 🚀");
    const other = { tenant: "acme", jobId: "j 2/x" };
    const ref = await payloads.put({ tenant: "a b+c", jobId: "j-1" }, json);
    const copied = await payloads.copy(ref, other);
    expect(copied).toEqual(await payloads.put(other, json));
    expect(await payloads.get(copied)).toBe(json);
    await expect(payloads.copy({ ...ref, key: "acme/j-1/none" }, other)).rejects.toThrow(NotFound);
  });

  test("jobs and tenants have prefixes that no name can leave", async () => {
    const { payloads } = world();
    const mine = await payloads.put({ tenant: "a/b", jobId: "c" }, "1");
    const theirs = await payloads.put({ tenant: "a", jobId: "b/c" }, "1");
    expect(mine.key).not.toBe(theirs.key);
  });

  test("a payload that is gone is not found", async () => {
    const ref = { key: "acme/j-1/none", bytes: 1, sha256: "none" };
    await expect(world().payloads.get(ref)).rejects.toThrow(NotFound);
  });

  test("bytes that do not match their hash are never given out", async () => {
    const { payloads } = world();
    const ref = await payloads.put(job, '"right"');
    if (engines) {
      await new S3Client().send(new PutObjectCommand({ Bucket: "contracts", Key: ref.key, Body: '"wrong"' }));
    } else {
      (payloads as unknown as { objects: Map<string, string> }).objects.set(ref.key, '"wrong"');
    }
    await expect(payloads.get(ref)).rejects.toThrow(Unavailable);
  });

  test("only a value above the inline limit leaves the journal", async () => {
    const { payloads } = world();
    const limits = { inlineBytes: 100, payloadBytes: 200 };
    expect(await store(payloads, job, "x".repeat(98), limits)).toEqual({ json: "x".repeat(98) });
    const stored = await store(payloads, job, "x".repeat(99), limits);
    expect(stored).toHaveProperty("ref.bytes", 101);
    expect(await load(payloads, stored)).toBe("x".repeat(99));
    await expect(store(payloads, job, "x".repeat(199), limits)).rejects.toThrow(TooLarge);
  });
});
