// What AWS's runtime interface client asks of its native part: next, done and error.
const { flushCompileCache } = require("node:module");

let resolveNext;
let early;
let initialised = false;

process.on("message", (invocation) => {
  // A sandbox that was frozen right after its answer has not asked for the next event yet.
  if (!resolveNext) early = invocation;
  else resolveNext(invocation);
  resolveNext = undefined;
});
// The runner is gone, and with it whoever could want an answer.
process.on("disconnect", () => process.exit(0));

const send = process.send.bind(process);

module.exports = {
  next() {
    if (!initialised) {
      initialised = true;
      // A sandbox ends by SIGKILL, which would lose the cache that makes the next cold start shorter.
      setImmediate(flushCompileCache);
    }
    send({ kind: "ready" });
    return new Promise((resolve) => {
      if (early) resolve(early);
      else resolveNext = resolve;
      early = undefined;
    });
  },
  done(_id, body) {
    send({ kind: "done", body });
  },
  error(_id, body) {
    send({ kind: "error", body });
  },
};
