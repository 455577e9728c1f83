import { eachLane, type Lane } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import { checkDelay, type WakeUp, type WorkQueue } from "./queue.ts";

export type Waiting = { lane: Lane; job: WakeUp; at: Millis };

export interface MemoryQueue extends WorkQueue {
  /** What is in the queue, delayed or not, in the order of sending. Tests take away, double and swap at will. */
  waiting: Waiting[];
  /** Removes and returns what is ready by now. */
  receive(lane?: Lane): Waiting[];
}

export function memoryQueue({ now }: Pick<Services, "now">): MemoryQueue {
  const queue: MemoryQueue = {
    waiting: [],
    async lengths() {
      const moment = now();
      return eachLane((lane) => {
        const mine = queue.waiting.filter((each) => each.lane === lane);
        const ready = mine.filter(({ at }) => at <= moment).length;
        return { ready, taken: 0, delayed: mine.length - ready };
      });
    },
    async send(lane, { tenant, jobId }, delaySeconds = 0) {
      checkDelay(delaySeconds);
      queue.waiting.push({ lane, job: { tenant, jobId }, at: now() + delaySeconds * 1000 });
    },
    receive(lane) {
      const moment = now();
      const ready = queue.waiting.filter((each) => each.at <= moment && (!lane || each.lane === lane));
      queue.waiting = queue.waiting.filter((each) => !ready.includes(each));
      return ready;
    },
  };
  return queue;
}
