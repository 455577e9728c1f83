import type { Progress } from "../../core/protocol/job.ts";
import type { Member } from "./input.ts";

type Round = {
  title: string;
  /** `have answered`: completes "2 of 4 ...". */
  done: string;
  asked: Member[];
  /** Steps after this round, as far as anybody knows. */
  stillToCome: number;
};

/**
 * How far a council is, in people's words. Every model call that ends is a step; the total falls when a member fails
 * that would have ranked later, so the percentage never does.
 */
export class Scoreboard {
  private readonly show: (progress: Progress) => void;
  private round: Round = { title: "", done: "", asked: [], stillToCome: 0 };
  private before = 0;
  private readonly arrived = new Set<string>();
  private readonly failed = new Set<string>();
  /** Of all rounds: whoever looks later wants to know who is missing. */
  private readonly lost = new Set<string>();

  constructor(show: (progress: Progress) => void) {
    this.show = show;
  }

  begin(round: Round): void {
    this.before += this.round.asked.length;
    this.round = round;
    this.arrived.clear();
    this.failed.clear();
    this.publish();
  }

  hasArrived(member: Member): void {
    this.arrived.add(member.name);
    this.publish();
  }

  hasFailed(member: Member): void {
    this.failed.add(member.name);
    this.lost.add(member.name);
    this.publish();
  }

  end(details: string): void {
    const steps = this.before + this.round.asked.length;
    this.show({
      current_step: "Completed",
      total_steps: steps,
      completed_steps: steps,
      percentage: 100,
      details,
    });
  }

  private publish(): void {
    const { title, done, asked, stillToCome } = this.round;
    const total = this.before + asked.length + stillToCome;
    const completed = this.before + this.arrived.size + this.failed.size;
    const names = asked.flatMap(({ name }) => (this.arrived.has(name) ? [name] : []));
    const arrived = names.length > 0 ? `: ${names.join(", ")}` : "";
    const lost = this.lost.size > 0 ? `; failed: ${[...this.lost].join(", ")}` : "";
    this.show({
      current_step: title,
      total_steps: total,
      completed_steps: completed,
      percentage: Math.round((1000 * completed) / total) / 10,
      details: `${this.arrived.size} of ${asked.length} ${done}${arrived}${lost}`,
    });
  }
}
