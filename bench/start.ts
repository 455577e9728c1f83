// How long `npm start` takes when the sources have changed: the template and the bundles, then everything else.
import { print } from "./support/print.ts";
import { startSystem } from "./support/system.ts";

const system = await startSystem();
await system.stop();
const { synthesis, boot } = system.startSeconds;
print([{ name: "start", value: synthesis + boot, unit: "s", bar: 5, parts: { synthesis, boot } }]);
