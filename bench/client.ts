// What a page loads for the client: minified, compressed.
import { clientSizes } from "../client/build.ts";
import { print } from "./support/print.ts";

const kilobytes = (bytes: number) => Math.round(bytes / 102.4) / 10;
const { index, react } = await clientSizes();
print([
  { name: "client, minified and compressed", value: kilobytes(index), unit: "KB" },
  { name: "its store and hook for a job", value: kilobytes(react), unit: "KB" },
]);
