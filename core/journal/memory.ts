import type { MemoryConversations } from "../conversations/memory.ts";
import { decodeCursor, encodeCursor, listPosition } from "../cursor.ts";
import { Conflict } from "../protocol/error.ts";
import { type Entry, lastSeq } from "../protocol/event.ts";
import type { JobKey, JobRecord } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import { jobPartition, tenantPartition } from "../table.ts";
import { deltasItem, entryItem, headItem, idempotencyPartition, type StreamRecord } from "./items.ts";
import type { IdempotencyClaim, Journal } from "./journal.ts";

type Job = { entries: Entry[]; head: JobRecord };

/**
 * The journal in this process.
 * @param onRecord - is told of every entry and delta in the order of the writes, as the table's stream would tell.
 */
export function memoryJournal(
  {
    conversations,
    watches,
    settings,
    now,
  }: { conversations: MemoryConversations } & Pick<Services, "watches" | "settings" | "now">,
  onRecord: (record: StreamRecord) => void = () => {},
): Journal {
  const jobs = new Map<string, Job>();
  const claims = new Map<string, IdempotencyClaim & { jobId: string }>();
  const find = (key: JobKey) => jobs.get(jobPartition(key));

  /** Building the items refuses what the table would refuse, before anything is written. */
  function check(entry: Entry, head: JobRecord | undefined): void {
    entryItem(entry, settings);
    if (head) headItem(head, settings);
  }

  function store(entry: Entry, head: JobRecord | undefined): void {
    const job = find(entry);
    const entries = [...(job?.entries ?? []), structuredClone(entry)];
    const newHead = head ? structuredClone(head) : job?.head;
    if (newHead) jobs.set(jobPartition(entry), { entries, head: newHead });
    onRecord({ entry: structuredClone(entry) });
  }

  const journal: Journal = {
    async create({ entry, head, idempotency, conversation }) {
      const claimed = idempotency && idempotencyPartition(entry.tenant, idempotency.key);
      const before = claimed === undefined ? undefined : claims.get(claimed);
      const known = find(entry);
      if (known && known.entries[0]?.token !== entry.token)
        throw new Conflict(`Job ${entry.jobId} exists already`);
      if (known) return { end: "stored" };
      if (before && before.expiresAt > now()) {
        return { end: "duplicate", jobId: before.jobId, fingerprint: before.fingerprint };
      }
      if (conversation && !conversations.accepts(conversation)) return { end: "conversation changed" };
      check(entry, head);
      if (conversation) conversations.write(conversation);
      store(entry, head);
      if (claimed !== undefined && idempotency) claims.set(claimed, { ...idempotency, jobId: entry.jobId });
      return { end: "stored" };
    },

    async append(entry, along = {}) {
      const standing = find(entry)?.entries.find(({ seq }) => seq === entry.seq);
      if (standing) return { end: "taken", entry: structuredClone(standing) };
      const { head, conversation } = along;
      if (conversation && !conversations.accepts(conversation)) return { end: "conversation changed" };
      check(entry, head);
      if (conversation) conversations.write(conversation);
      store(entry, head);
      return { end: "stored" };
    },

    news: (key, after) => journal.read(key, after),

    async read(key, after, limit = Number.POSITIVE_INFINITY) {
      const job = find(key);
      if (!job) return { entries: [], more: false, deltasWanted: false };
      const rest = job.entries.filter((entry) => lastSeq(entry) > after);
      if (rest.length > limit) {
        return { entries: structuredClone(rest.slice(0, limit)), more: true, deltasWanted: false };
      }
      const watchers = await watches.ofJob(key);
      return {
        entries: structuredClone(rest),
        head: structuredClone(job.head),
        more: false,
        deltasWanted: watchers.some(({ deltas }) => deltas),
      };
    },

    async head(key) {
      return structuredClone(find(key)?.head);
    },

    async renew(head) {
      const job = find(head);
      if (!job?.head.lease || job.head.lease.by !== head.lease?.by || job.head.seq > head.seq) return false;
      headItem(head, settings);
      const { due: _due, ...renewed } = structuredClone(head);
      job.head = { ...renewed, ...(job.head.due === undefined ? {} : { due: job.head.due }) };
      return true;
    },

    async list(tenant, { limit, cursor, status, type }) {
      const list = tenantPartition(tenant);
      const position = ({ createdAt, jobId }: JobRecord) => listPosition(createdAt, jobId);
      const before = cursor === undefined ? undefined : decodeCursor(list, cursor);
      const rest = [...jobs.values()]
        .map(({ head }) => head)
        .filter((head) => head.tenant === tenant && (!before || position(head) < before))
        .filter((head) => (!status || head.status === status) && (!type || head.type === type))
        .sort((a, b) => (position(a) < position(b) ? 1 : -1));
      const page = structuredClone(rest.slice(0, limit));
      if (rest.length <= limit) return { jobs: page };
      return { jobs: page, cursor: encodeCursor(list, position(page.at(-1)!)) };
    },

    async due(moment, limit) {
      return [...jobs.values()]
        .flatMap(({ head: { tenant, jobId, due } }) => (due === undefined ? [] : [{ tenant, jobId, due }]))
        .filter(({ due }) => due <= moment)
        .sort((a, b) => a.due - b.due)
        .slice(0, limit);
    },

    async postpone({ tenant, jobId, due }, to) {
      const job = find({ tenant, jobId });
      if (job?.head.due !== due) return false;
      job.head = { ...job.head, due: to };
      return true;
    },

    async putDeltas(job, deltas) {
      const [first, ...others] = deltas;
      if (!first) return;
      deltasItem(job, [first, ...others], now(), settings);
      onRecord({ job: { tenant: job.tenant, jobId: job.jobId }, deltas: structuredClone(deltas) });
    },
  };
  return journal;
}
