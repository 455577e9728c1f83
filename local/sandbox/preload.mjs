// Loaded before AWS's runtime interface client in every sandbox. It is plain JavaScript, and so is what it loads,
// because stripping types would cost each cold start more than all of this does.
import { registerHooks } from "node:module";

process.title = `convoke-lambda ${process.env.CONVOKE_FUNCTION}`;
delete process.env.CONVOKE_FUNCTION;

// The client's one native part talks HTTP to Lambda's runtime API. Ours talks to the runner over Node's own channel,
// so nothing has to be compiled and no port is needed; all other code of the client runs as it does on AWS.
const ours = new URL("./rapid-client.cjs", import.meta.url).href;
const hooks = registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== "./rapid-client.node") return next(specifier, context);
    hooks.deregister();
    return { url: ours, format: "commonjs", shortCircuit: true };
  },
});
