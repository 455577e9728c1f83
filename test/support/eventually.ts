/**
 * Waits until something holds, instead of sleeping for as long as it might take.
 * @returns what `probe` returned, which is neither undefined nor false.
 * @throws what the last try threw, or an Error that quotes the last answer.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  withinMs = 10_000,
): Promise<Exclude<Awaited<T>, undefined | false>> {
  const until = Date.now() + withinMs;
  for (;;) {
    let problem: unknown;
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer as Exclude<Awaited<T>, undefined | false>;
      problem = new Error(`Still ${answer} after ${withinMs} ms: ${probe}`);
    } catch (error) {
      problem = error;
    }
    if (Date.now() > until) throw problem;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
