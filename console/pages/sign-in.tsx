import { useEffect, useRef } from "preact/hooks";
import { useTask } from "../live/task.ts";
import { expired, signIn } from "../service.ts";
import { Card, Field, Note } from "../ui/parts.tsx";

export function SignInPage() {
  const { busy, problem, run } = useTask();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Sign in · Convoke";
    input.current?.focus();
  }, []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const key = new FormData(event.currentTarget as HTMLFormElement).get("key");
    await run(() => signIn(String(key).trim()));
    if (problem.value) input.current?.select();
  };
  return (
    <main class="sign-in" id="main">
      <Card>
        <form class="stack" onSubmit={submit}>
          <div class="row">
            <img src="/icon.svg" alt="" width="32" height="32" />
            <h1>Sign in to Convoke</h1>
          </div>
          {expired.value ? (
            <Note status="waiting">Your session has ended. Sign in to go on where you were.</Note>
          ) : (
            <p class="soft">Long work for language models, as jobs that survive.</p>
          )}
          <Field
            label="API key"
            hint="On your own machine, npm start prints a link that signs you in. Elsewhere: npm run keys -- create"
            problem={
              problem.value?.code === "unauthorized"
                ? "This key is not known here, or has been revoked."
                : problem.value?.message
            }
          >
            {(attributes) => (
              <input
                {...attributes}
                ref={input}
                class="input mono"
                placeholder="ck_…"
                type="password"
                name="key"
                autocomplete="current-password"
                required
                onInput={() => (problem.value = undefined)}
              />
            )}
          </Field>
          <button type="submit" class="button primary" disabled={busy.value}>
            {busy.value ? "Signing in …" : "Sign in"}
          </button>
        </form>
      </Card>
    </main>
  );
}
