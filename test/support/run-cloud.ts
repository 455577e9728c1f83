import { type CloudOptions, startCloud } from "../../local/cloud.ts";

// A runner of its own, for tests that kill it: prints where everything is, and runs until it is told to stop.
const cloud = await startCloud(JSON.parse(process.argv[2]!) as CloudOptions);
process.on("SIGTERM", async () => {
  await cloud.stop();
  process.exit(0);
});
console.log(JSON.stringify({ http: cloud.http, endpoints: cloud.endpoints, dynamoPid: cloud.dynamo.pid() }));
