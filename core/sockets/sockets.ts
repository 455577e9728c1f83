import type { JobKey } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";

/** Open WebSocket connections, wherever they are held. */
export interface Sockets {
  /**
   * Sends one frame.
   * @returns `gone` when the connection is closed, `busy` when the service refuses for now (429): the client will
   * notice the gap and ask again.
   */
  post(connectionId: string, frame: string): Promise<"sent" | "gone" | "busy">;
  close(connectionId: string): Promise<void>;
}

export type Watch = {
  connectionId: string;
  /** When it was written, so that a 410 of a connection that is not yet established is not taken for its end. */
  at: Millis;
  deltas: boolean;
  batch: boolean;
  /** The moment at which the principal's right to watch ends. */
  authorisedUntil: Millis;
};

/** A job, or all jobs of the tenant. */
export type Watched = { jobId: string } | "mine";

/** Who watches what. Watches expire by themselves when a connection's longest life is over. */
export interface Watches {
  /**
   * @returns false when the connection already has as many watches as it may.
   */
  add(tenant: string, what: Watched, watch: Watch): Promise<boolean>;
  remove(tenant: string, what: Watched | Watched[], connectionId: string): Promise<void>;
  /** Everything that this connection watches. */
  removeAll(tenant: string, connectionId: string): Promise<void>;
  /** Read consistently: who is not in here now will find the event in its replay. */
  ofJob(job: JobKey): Promise<Watch[]>;
  ofTenant(tenant: string): Promise<Watch[]>;
}
