import { JsonView } from "../ui/json.tsx";
import { Card } from "../ui/parts.tsx";
import { Markdown } from "../ui/text.tsx";
import { longTextOf } from "./long-text.ts";
import type { Shown } from "./shown.ts";

/** Input and result of a type that the page does not know, or cannot make out. */
export function Plain({ input, result }: Omit<Shown, "work">) {
  const text = longTextOf(result);
  const rest = text && Object.keys(text.rest).length > 0 ? text.rest : undefined;
  return (
    <div class="stack">
      {result !== undefined && (
        <Card title="Result">
          {text ? (
            <div class="stack">
              <Markdown text={text.text} />
              {rest && <JsonView value={rest} />}
            </div>
          ) : (
            <JsonView value={result} />
          )}
        </Card>
      )}
      {input !== undefined && (
        <Card title="Input">
          <JsonView value={input} />
        </Card>
      )}
    </div>
  );
}
