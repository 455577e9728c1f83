import type { Delta, Journal } from "../journal/journal.ts";
import type { JobKey } from "../protocol/job.ts";

/**
 * Token deltas on their way to watchers: gathered per step and attempt, written a few times a second, and only while
 * somebody wants them. They are outside the journal, so losing one does no harm.
 */
export class DeltaFeed {
  wanted = false;
  private readonly texts = new Map<string, Delta>();
  private readonly counts = new Map<string, number>();
  private readonly job: JobKey;
  private readonly journal: Pick<Journal, "putDeltas">;

  constructor(job: JobKey, journal: Pick<Journal, "putDeltas">) {
    this.job = job;
    this.journal = journal;
  }

  add(step: string, attempt: number, text: string): void {
    if (!this.wanted) return;
    const key = `${attempt} ${step}`;
    const waiting = this.texts.get(key);
    if (waiting) {
      waiting.text += text;
      return;
    }
    const index = this.counts.get(key) ?? 0;
    this.counts.set(key, index + 1);
    this.texts.set(key, { step, attempt, index, text });
  }

  get empty(): boolean {
    return this.texts.size === 0;
  }

  async flush(): Promise<void> {
    if (this.empty) return;
    const deltas = [...this.texts.values()];
    this.texts.clear();
    await this.journal.putDeltas(this.job, deltas).catch(() => {});
  }
}
