import { useSignal } from "@preact/signals";
import { asProblem } from "../live/resource.ts";
import { signIn } from "../service.ts";
import { Card, Field } from "../ui/parts.tsx";

export function SignInPage() {
  const problem = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const key = new FormData(event.currentTarget as HTMLFormElement).get("key");
    busy.value = true;
    await signIn(String(key).trim()).catch((reason: unknown) => {
      const { code, message } = asProblem(reason);
      problem.value = code === "unauthorized" ? "This key is not known here, or has been revoked." : message;
    });
    busy.value = false;
  };
  return (
    <main class="sign-in" id="main">
      <Card>
        <form class="stack" onSubmit={submit}>
          <div class="row">
            <img src="/icon.svg" alt="" width="32" height="32" />
            <h1>Sign in to Convoke</h1>
          </div>
          <Field
            label="API key"
            hint="On your own machine, npm start prints a link that signs you in. Elsewhere: npm run keys -- create"
            problem={problem.value}
          >
            {(attributes) => (
              <input
                {...attributes}
                class="input mono"
                type="password"
                name="key"
                autocomplete="current-password"
                required
              />
            )}
          </Field>
          <button type="submit" class="button primary" disabled={busy.value}>
            Sign in
          </button>
        </form>
      </Card>
    </main>
  );
}
