import type { JobKey } from "../../core/protocol/job.ts";

export type Message = { job: JobKey; receives: number };

/**
 * Messages that are there to be received. As SQS's fair queues do it, the next one is of the tenant with the fewest
 * messages under way, so that one who floods the queue waits behind himself.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
 */
export class FairQueue {
  readonly #waiting = new Map<string, Message[]>();
  readonly #underWay = new Map<string, number>();
  length = 0;

  push(message: Message): void {
    const { tenant } = message.job;
    const others = this.#waiting.get(tenant);
    if (others) others.push(message);
    else this.#waiting.set(tenant, [message]);
    this.length += 1;
  }

  take(most: number): Message[] {
    const batch: Message[] = [];
    while (batch.length < most && this.length > 0) batch.push(this.#next());
    return batch;
  }

  /** It has been dealt with, or its worker has died. */
  done({ job: { tenant } }: Message): void {
    this.#underWay.set(tenant, this.#count(tenant) - 1);
  }

  #next(): Message {
    const [tenant, messages] = [...this.#waiting].reduce((least, other) =>
      this.#count(other[0]) < this.#count(least[0]) ? other : least,
    );
    const message = messages.shift()!;
    if (messages.length === 0) this.#waiting.delete(tenant);
    this.#underWay.set(tenant, this.#count(tenant) + 1);
    this.length -= 1;
    return message;
  }

  #count(tenant: string): number {
    return this.#underWay.get(tenant) ?? 0;
  }
}
