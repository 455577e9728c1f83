import { InvalidRequest } from "../protocol/error.ts";
import type { Entry } from "../protocol/event.ts";

/**
 * The journals of an export: one entry a line, of any number of jobs.
 * @param name - what is said to be wrong when something is.
 * @throws InvalidRequest that names the line, or says that there is none.
 */
export function exportedJournals(text: string, name: string): Entry[][] {
  const journals = new Map<string, Entry[]>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const entry = read(line);
    if (!entry) throw new InvalidRequest(`${name}:${index + 1} is no entry of a journal`);
    const id = `${entry.tenant}/${entry.jobId}`;
    journals.set(id, [...(journals.get(id) ?? []), entry]);
  }
  if (journals.size === 0) throw new InvalidRequest(`${name} holds no journal`);
  return [...journals.values()];
}

function read(line: string): Entry | undefined {
  try {
    const entry = JSON.parse(line) as Entry;
    return Array.isArray(entry.events) && entry.events.length > 0 && entry.seq > 0 ? entry : undefined;
  } catch {
    return undefined;
  }
}
