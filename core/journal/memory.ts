import type { MemoryConversations } from "../conversations/memory.ts";
import { decodeCursor, encodeCursor, listPosition } from "../cursor.ts";
import { Conflict } from "../protocol/error.ts";
import { type Entry, lastSeq } from "../protocol/event.ts";
import type { JobKey, JobRecord } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import { jobPartition, tenantPartition } from "../table.ts";
import {
  contentPartition,
  deltasItem,
  entryItem,
  headItem,
  idempotencyPartition,
  type StreamRecord,
} from "./items.ts";
import {
  type ContentClaim,
  type Dependent,
  type IdempotencyClaim,
  type Journal,
  matches,
} from "./journal.ts";
import { hasExpired } from "./retention.ts";

/** Without HEAD it is not there yet: a fork whose inherited entries are written before its first one. */
type Job = { entries: Entry[]; head?: JobRecord };

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
  const contents = new Map<string, ContentClaim & { jobId: string }>();
  const waiting = new Map<string, Map<string, Dependent>>();
  const find = (key: JobKey) => jobs.get(jobPartition(key));

  const present = (job: Job | undefined) =>
    job?.head && !hasExpired(headItem(job.head, settings), now()) ? job.head : undefined;
  const heads = () => [...jobs.values()].flatMap((job) => present(job) ?? []);

  /** Building the items refuses what the table would refuse, before anything is written. */
  function check(entry: Entry, head: JobRecord | undefined): void {
    entryItem(entry, settings);
    if (head) headItem(head, settings);
  }

  function store(entry: Entry, head: JobRecord | undefined): void {
    const job = find(entry);
    const entries = [...(job?.entries ?? []), structuredClone(entry)].sort((a, b) => a.seq - b.seq);
    const newHead = head ? structuredClone(head) : job?.head;
    jobs.set(jobPartition(entry), { entries, ...(newHead ? { head: newHead } : {}) });
    onRecord({ entry: structuredClone(entry) });
  }

  const journal: Journal = {
    async create({ entry, head, idempotency, content, conversation, wokenBy = [] }) {
      const { tenant, jobId } = entry;
      const claimed = idempotency && idempotencyPartition(tenant, idempotency.key);
      const before = claimed === undefined ? undefined : claims.get(claimed);
      const shared = content && contentPartition(tenant, content.key);
      const same = shared === undefined ? undefined : contents.get(shared);
      const first = find(entry)?.entries[0];
      if (first?.seq === 1) {
        if (first.token === entry.token) return { end: "stored" };
        throw new Conflict(`Job ${jobId} exists already`);
      }
      if (before && before.expiresAt > now()) {
        return { end: "duplicate", jobId: before.jobId, fingerprint: before.fingerprint };
      }
      if (same && same.expiresAt > now() && same.jobId !== content?.replaces) {
        return { end: "same content", jobId: same.jobId };
      }
      if (conversation && !conversations.accepts(conversation)) return { end: "conversation changed" };
      check(entry, head);
      if (conversation) conversations.write(conversation);
      store(entry, head);
      if (claimed !== undefined && idempotency) claims.set(claimed, { ...idempotency, jobId });
      if (shared !== undefined && content) contents.set(shared, { ...content, jobId });
      for (const other of wokenBy) {
        const partition = jobPartition({ tenant, jobId: other });
        const dependents = waiting.get(partition) ?? new Map<string, Dependent>();
        waiting.set(partition, dependents.set(jobId, { jobId, lane: head.lane }));
      }
      return { end: "stored" };
    },

    async append(entry, along = {}) {
      const standing = find(entry)?.entries.find(({ seq }) => seq === entry.seq);
      if (standing) return { end: "taken", entry: structuredClone(standing) };
      const { head, conversation, create } = along;
      if (conversation && !conversations.accepts(conversation)) return { end: "conversation changed" };
      check(entry, head);
      if (create) check(create.entry, create.head);
      if (conversation) conversations.write(conversation);
      store(entry, head);
      if (create) store(create.entry, create.head);
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
      const head = present(job);
      return {
        entries: structuredClone(rest),
        ...(head ? { head: structuredClone(head) } : {}),
        more: false,
        deltasWanted: watchers.some(({ deltas }) => deltas),
      };
    },

    async head(key) {
      return structuredClone(present(find(key)));
    },

    async renew(head) {
      const job = find(head);
      if (!job?.head?.lease || job.head.lease.by !== head.lease?.by || job.head.seq > head.seq) return false;
      headItem(head, settings);
      const { due: _due, ...renewed } = structuredClone(head);
      job.head = { ...renewed, ...(job.head.due === undefined ? {} : { due: job.head.due }) };
      return true;
    },

    async list(tenant, { limit, cursor, ...filter }) {
      const list = tenantPartition(tenant);
      const position = ({ createdAt, jobId }: JobRecord) => listPosition(createdAt, jobId);
      const before = cursor === undefined ? undefined : decodeCursor(list, cursor);
      const rest = heads()
        .filter((head) => head.tenant === tenant && (!before || position(head) < before))
        .filter((head) => matches(head, filter))
        .sort((a, b) => (position(a) < position(b) ? 1 : -1));
      const page = structuredClone(rest.slice(0, limit));
      if (rest.length <= limit) return { jobs: page };
      return { jobs: page, cursor: encodeCursor(list, position(page.at(-1)!)) };
    },

    async claimed(tenant, key) {
      const claim = claims.get(idempotencyPartition(tenant, key));
      if (!claim || claim.expiresAt <= now()) return undefined;
      const { jobId, fingerprint, expiresAt } = claim;
      return { jobId, fingerprint, expiresAt };
    },

    async dependents(job, { limit, cursor = "" }) {
      const all = [...(waiting.get(jobPartition(job))?.values() ?? [])]
        .filter(({ jobId }) => jobId > cursor)
        .sort((a, b) => (a.jobId < b.jobId ? -1 : 1));
      const dependents = all.slice(0, limit);
      return { dependents, ...(all.length > limit ? { cursor: dependents.at(-1)!.jobId } : {}) };
    },

    async due(moment, limit) {
      return heads()
        .flatMap(({ tenant, jobId, due }) => (due === undefined ? [] : [{ tenant, jobId, due }]))
        .filter(({ due }) => due <= moment)
        .sort((a, b) => a.due - b.due)
        .slice(0, limit);
    },

    async postpone({ tenant, jobId, due }, to) {
      const job = find({ tenant, jobId });
      if (!job?.head || job.head.due !== due) return false;
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
