/** Page after page, until there is no more, or whoever asks has seen enough. */
export async function* pages<P extends { next_cursor: string | null }>(
  ask: (cursor: string | undefined) => Promise<P>,
): AsyncGenerator<P, void, void> {
  let cursor: string | undefined;
  do {
    const page = await ask(cursor);
    yield page;
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
}
