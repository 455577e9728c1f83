import { writeFileSync } from "node:fs";
import { type ErrorText, errorCatalogue } from "../../core/protocol/error-catalogue.ts";

/** The page about errors, in Markdown. */
export function errorPage(): string {
  const all = Object.entries<ErrorText>(errorCatalogue);
  const sections = (some: [string, ErrorText][]) =>
    some.map(([code, { status, title, user, developer }]) =>
      [`### \`${code}\``, `${title}${status === undefined ? "" : ` (${status})`}. ${user}`, developer].join(
        "\n\n",
      ),
    );
  return [
    "# Errors",
    "Written by `node functions/api/error-page.ts` from `core/protocol/error-catalogue.ts`. `GET /api/errors` has the same for programs.",
    "Every code has a text for the person in front of it, and one for whoever has to do something about it. Codes never change their meaning. `detail` of an answer, and `message` of a failure, say what it was this time. A job type of your own has codes of its own.",
    "## Answers to requests",
    ...sections(all.filter(([, { status }]) => status !== undefined)),
    "## Failures of jobs, and what clients say themselves",
    ...sections(all.filter(([, { status }]) => status === undefined)),
  ]
    .join("\n\n")
    .concat("\n");
}

if (import.meta.main) writeFileSync(new URL("../../docs/errors.md", import.meta.url), errorPage());
