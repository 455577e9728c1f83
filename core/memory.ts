import { settings } from "./config.ts";
import { memoryConfiguration } from "./configuration/memory.ts";
import { type MemoryConversations, memoryConversations } from "./conversations/memory.ts";
import { egress, webhookLimits } from "./egress.ts";
import type { StreamRecord } from "./journal/items.ts";
import { memoryJournal } from "./journal/memory.ts";
import { memoryKeys } from "./keys/memory.ts";
import { operations } from "./operations/operations.ts";
import { type MemoryPayloads, memoryPayloads } from "./payloads/memory.ts";
import { memoryProjects } from "./projects/memory.ts";
import { type MemoryQueue, memoryQueue } from "./queue/memory.ts";
import { memorySchedules } from "./schedules/memory.ts";
import type { Services } from "./services.ts";
import { sleep } from "./sleep.ts";
import { memorySlots } from "./slots/memory.ts";
import { type MemorySockets, memorySockets, memoryWatches } from "./sockets/memory.ts";

export type MemoryServices = Services & {
  conversations: MemoryConversations;
  queue: MemoryQueue;
  payloads: MemoryPayloads;
  sockets: MemorySockets;
};

/** Whatever is not given is made here, and built on what is given. A model is the caller's choice. */
export type MemoryOverrides = Pick<Services, "model"> &
  Partial<MemoryServices> & {
    /** Is told of entries and deltas in the order of the writes, as the table's stream would tell. */
    onRecord?: (record: StreamRecord) => void;
  };

/**
 * The whole outside world in this process. Ids and chance come from counters, so that the same calls give the same
 * journal; with `now` and `sleep` given, time does too.
 */
export function memoryServices(overrides: MemoryOverrides): MemoryServices {
  const { onRecord, ...given } = overrides;
  const base = {
    settings: settings.local,
    deployment: {
      councilMembers: ["mock:ada", "mock:blaise", "mock:clara", "mock:denis"],
      councilChairmen: ["mock:ada"],
      titleModel: "mock:ada",
      workModels: ["mock:ada", "mock:blaise"],
      mockFallback: false,
      videoModel: "mock:video",
      messageType: "council",
      operationHosts: [],
      webhookHosts: [],
    },
    now: Date.now,
    newId: countedIds(),
    random: seededRandom(1),
    sleep,
    ...given,
  };
  const conversations = given.conversations ?? memoryConversations();
  const watches = given.watches ?? memoryWatches(base);
  return {
    queue: memoryQueue(base),
    payloads: memoryPayloads(),
    sockets: memorySockets(),
    keys: memoryKeys(base),
    schedules: memorySchedules(),
    projects: memoryProjects(),
    configuration: memoryConfiguration(),
    slots: memorySlots(base),
    journal: memoryJournal({ ...base, conversations, watches }, onRecord),
    ...memoryOutside(base),
    ...base,
    conversations,
    watches,
  };
}

/** What lies beyond the cloud: mock operations, and addresses only where a test has some of its own. */
export function memoryOutside({
  now,
  deployment,
}: Pick<Services, "now" | "deployment">): Pick<Services, "operations" | "webhooks" | "signing" | "apiUrl"> {
  return {
    operations: operations({ OPERATION_HOSTS: deployment.operationHosts.join(",") }, { now }),
    webhooks: egress(deployment.webhookHosts, webhookLimits),
    signing: async () => ["a signing secret for tests, and for nothing else"],
    apiUrl: "https://api.test",
  };
}

/** In the shape of UUIDs, and in order like those of version 7. */
function countedIds(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `00000000-0000-7000-8000-${String(count).padStart(12, "0")}`;
  };
}

/** Mulberry32: small, and even enough for jitter and shuffles. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
