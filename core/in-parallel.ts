/** What becomes of every item, in their order, with so many at work at a time. The first that fails ends it. */
export async function inParallel<T, R>(
  items: readonly T[],
  most: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  const next = items.entries();
  const workers = Array.from({ length: Math.min(most, items.length) }, async () => {
    for (const [index, item] of next) results[index] = await work(item, index);
  });
  await Promise.all(workers);
  return results;
}
