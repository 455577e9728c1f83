/**
 * Does every task once those that it depends on are done, so many at a time, earlier ones first. What depends on a task
 * that fails is not begun, and fails with it; everything else goes on.
 * @param tasks - each depends on earlier ones only.
 */
export function inOrder<T>(
  tasks: { dependsOn: number[] }[],
  most: number,
  work: (index: number) => Promise<T>,
): Promise<PromiseSettledResult<T>[]> {
  const atATime = slots(most);
  const outcomes: Promise<T>[] = [];
  for (const [index, { dependsOn }] of tasks.entries()) {
    const before = Promise.all(dependsOn.map((earlier) => outcomes[earlier]));
    outcomes.push(before.then(() => atATime(() => work(index))));
  }
  return Promise.allSettled(outcomes);
}

/** Whoever finds no slot waits in line. */
function slots(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = most;
  const line: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => line.push(resolve));
    try {
      return await work();
    } finally {
      const next = line.shift();
      if (next) next();
      else free += 1;
    }
  };
}
