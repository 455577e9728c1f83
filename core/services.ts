import type { Settings } from "./config.ts";
import type { Configuration } from "./configuration/configuration.ts";
import type { Conversations } from "./conversations/conversation.ts";
import type { Egress } from "./egress.ts";
import type { Journal } from "./journal/journal.ts";
import type { Keys } from "./keys/keys.ts";
import type { Deployment } from "./models/deployment.ts";
import type { Model } from "./models/model.ts";
import type { Operations } from "./operations/operation.ts";
import type { Payloads } from "./payloads/payloads.ts";
import type { Projects } from "./projects/project.ts";
import type { Millis } from "./protocol/json.ts";
import type { WorkQueue } from "./queue/queue.ts";
import type { Schedules } from "./schedules/schedule.ts";
import type { SigningSecrets } from "./signing.ts";
import type { Slots } from "./slots/slots.ts";
import type { Sockets, Watches } from "./sockets/sockets.ts";

/** The outside world. Take the part you use: `Pick<Services, "journal" | "now">`. */
export interface Services {
  journal: Journal;
  conversations: Conversations;
  configuration: Configuration;
  queue: WorkQueue;
  payloads: Payloads;
  sockets: Sockets;
  watches: Watches;
  keys: Keys;
  schedules: Schedules;
  projects: Projects;
  slots: Slots;
  model: Model;
  operations: Operations;
  /** Calls the addresses that users want to be told at. */
  webhooks: Egress;
  signing: SigningSecrets;
  /** Where the HTTP API is, for addresses that are given to others. */
  apiUrl: string;
  deployment: Deployment;
  settings: Settings;
  now: () => Millis;
  newId: () => string;
  random: () => number;
  /** Resolves after the time has passed, or at once when the signal is aborted. Never rejects. */
  sleep: (ms: Millis, signal?: AbortSignal) => Promise<void>;
}

/** What only a worker uses. */
export type WorkersOwn = "model" | "operations" | "webhooks" | "apiUrl";
