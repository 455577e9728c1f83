import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { calling } from "../aws.ts";
import { NotFound } from "../protocol/error.ts";
import { checked, type Payloads, refOf } from "./payloads.ts";

export function s3Payloads(client: S3Client, bucket: string): Payloads {
  return {
    async put(job, json) {
      const ref = refOf(job, json);
      await calling("The payload store", () =>
        client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: ref.key,
            Body: json,
            ContentType: "application/json",
          }),
        ),
      );
      return ref;
    },
    async get(ref) {
      try {
        const json = await calling("The payload store", async () => {
          const object = await client.send(new GetObjectCommand({ Bucket: bucket, Key: ref.key }));
          return object.Body?.transformToString();
        });
        return checked(ref, json ?? "");
      } catch (error) {
        if (error instanceof NoSuchKey)
          throw new NotFound(`The payload ${ref.key} is gone`, { cause: error });
        throw error;
      }
    },
  };
}
