import {
  CopyObjectCommand,
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { calling } from "../aws.ts";
import { NotFound } from "../protocol/error.ts";
import { checked, jsonKind, type Payloads, refBelow, refOf } from "./payloads.ts";

export function s3Payloads(client: S3Client, bucket: string): Payloads {
  return {
    async put(job, content, { contentType, fileName } = jsonKind) {
      const ref = refOf(job, content);
      await calling("The payload store", () =>
        client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: ref.key,
            Body: content,
            ContentType: contentType,
            ...(fileName ? { ContentDisposition: `attachment; filename="${fileName}"` } : {}),
          }),
        ),
      );
      return ref;
    },
    async get(ref) {
      try {
        const bytes = await calling("The payload store", async () => {
          const object = await client.send(new GetObjectCommand({ Bucket: bucket, Key: ref.key }));
          return object.Body?.transformToByteArray();
        });
        return checked(ref, bytes ?? new Uint8Array());
      } catch (error) {
        if (error instanceof NoSuchKey)
          throw new NotFound(`The payload ${ref.key} is gone`, { cause: error });
        throw error;
      }
    },
    async copy(ref, job) {
      const copied = refBelow(job, ref);
      const source = `${bucket}/${ref.key.split("/").map(encodeURIComponent).join("/")}`;
      try {
        await calling("The payload store", () =>
          client.send(new CopyObjectCommand({ Bucket: bucket, Key: copied.key, CopySource: source })),
        );
      } catch (error) {
        // The SDK has no class of its own for it here.
        if (error instanceof Error && error.name === "NoSuchKey")
          throw new NotFound(`The payload ${ref.key} is gone`, { cause: error });
        throw error;
      }
      return copied;
    },
    readingLink: (ref, expiresIn) =>
      sign(client, new GetObjectCommand({ Bucket: bucket, Key: ref.key }), { expiresIn }),
    async uploadLink(ref, expiresIn) {
      const checksum = Buffer.from(ref.sha256, "hex").toString("base64");
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: ref.key,
        ContentType: "application/json",
        ContentLength: ref.bytes,
        ChecksumSHA256: checksum,
      });
      // What is signed as a header must be sent as it is: S3 refuses another length, and another content by its checksum.
      const url = await sign(client, command, {
        expiresIn,
        signableHeaders: new Set(["content-type", "content-length"]),
        unhoistableHeaders: new Set([checksumHeader]),
      });
      return { url, headers: { "content-type": "application/json", [checksumHeader]: checksum } };
    },
  };
}

const checksumHeader = "x-amz-checksum-sha256";

/** Loaded when the first link is asked for: a worker never does. */
async function sign(
  client: S3Client,
  command: GetObjectCommand | PutObjectCommand,
  options: Parameters<typeof getSignedUrl>[2],
): Promise<string> {
  const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
  return getSignedUrl(client, command, options);
}
