import { expect, test } from "vitest";
import type { JobSummary, MineItem } from "../../client/index.ts";
import {
  addressOf,
  filterOf,
  JobList,
  placeInLine,
  readAgain,
  speaksOf,
} from "../../console/live/job-rows.ts";
import type { EventView } from "../../core/protocol/wire.ts";

const at = "2026-11-23T10:00:00.000Z";
const event = {} as EventView;

function job(id: string, more: Partial<JobSummary> = {}): JobSummary {
  const known = {
    id,
    type: "council",
    title: `Job ${id}`,
    description: "",
    tags: [],
    status: "running",
    seq: 2,
  };
  const rest = { error_message: null, started_at: null, progress: null, priority: "normal", paused: false };
  return { ...known, ...rest, ...more } as JobSummary;
}

function listOf(...jobs: JobSummary[]): JobList {
  const list = new JobList();
  list.begin({ jobs, next_cursor: null });
  return list;
}

const shown = (list: JobList) => list.rows.value?.map((row) => row.value.id);

function progress(id: string, seq: number, percentage: number) {
  const data = {
    current_step: "",
    total_steps: 2,
    completed_steps: 1,
    percentage,
    details: "",
    timestamp: at,
  };
  return { type: "progress", job_id: id, seq, at, data, event } satisfies MineItem;
}

test("progress changes a row where it stands, and nothing else", () => {
  const list = listOf(job("b"), job("a"));
  const [b, a] = list.rows.value!;
  const rows = list.rows.value;
  expect(list.hear(progress("a", 3, 50))).toBe(false);
  expect(a!.value.progress?.percentage).toBe(50);
  expect(b!.value.progress).toBeNull();
  expect(list.rows.value).toBe(rows);
});

test("neither a late message nor a late answer takes a row back", () => {
  const list = listOf(job("a"));
  list.hear(progress("a", 5, 80));
  list.hear(progress("a", 4, 40));
  list.begin({ jobs: [job("a", { seq: 3 })], next_cursor: null });
  expect(list.rows.value?.[0]?.value.progress?.percentage).toBe(80);
});

test("a job that has ended shows it at once, and is read again for what it cost", () => {
  const list = listOf(job("a"));
  const item = {
    type: "status",
    job_id: "a",
    seq: 9,
    at,
    status: "failed",
    error_message: "No",
    event,
  } as const;
  expect(list.hear(item)).toBe(true);
  expect(list.rows.value?.[0]?.value).toMatchObject({ status: "failed", error_message: "No" });
  list.begin({ jobs: [job("a", { seq: 9, status: "failed", tags: ["read"] })], next_cursor: null });
  expect(list.rows.value?.[0]?.value.tags).toEqual(["read"]);
});

test("a job that is not in the list is a reason to read it again", () => {
  expect(listOf(job("a")).hear(progress("new", 1, 0))).toBe(true);
});

test("rows neither come nor go while somebody points at one", () => {
  const list = listOf(job("b"), job("a"));
  list.held.value = true;
  list.begin({ jobs: [job("c"), job("b")], next_cursor: null });
  expect(shown(list)).toEqual(["b", "a"]);
  expect(list.arrived.value).toBe(1);
  list.held.value = false;
  list.release();
  expect(shown(list)).toEqual(["c", "b"]);
  expect(list.arrived.value).toBe(0);
});

test("older jobs are put behind, none of them twice", () => {
  const list = new JobList();
  list.begin({ jobs: [job("d"), job("c")], next_cursor: "1" });
  list.append({ jobs: [job("c"), job("b")], next_cursor: null });
  expect(shown(list)).toEqual(["d", "c", "b"]);
  expect(list.more.value).toBe(false);
});

test("a list is read again as far as it was loaded", async () => {
  const asked: (string | undefined)[] = [];
  const all = Array.from({ length: 130 }, (_, index) => job(String(index)));
  const page = await readAgain(
    async ({ limit, cursor }) => {
      asked.push(cursor);
      const from = Number(cursor ?? 0);
      const jobs = all.slice(from, from + limit);
      return { jobs, next_cursor: from + limit < all.length ? String(from + limit) : null };
    },
    60,
    new AbortController().signal,
  );
  expect(asked).toEqual([undefined, "50"]);
  expect(page).toMatchObject({ next_cursor: "100" });
  expect(page.jobs).toHaveLength(100);
});

test("an address holds the filter, and one that nobody knows counts for nothing", () => {
  const filter = { status: "failed", type: "council", tag: "a b", text: "sky?" } as const;
  const { search } = new URL(addressOf(filter), "http://here");
  expect(filterOf(Object.fromEntries(new URLSearchParams(search)))).toEqual(filter);
  expect(addressOf({ type: "" })).toBe("/jobs");
  expect(filterOf({ status: "lost", other: "x" })).toEqual({});
});

test("all words that are looked for are found, in whatever field", () => {
  const one = job("019", { title: "Why is the sky blue?", tags: ["physics"], error_message: "No quorum" });
  expect(speaksOf(one, "SKY phys")).toBe(true);
  expect(speaksOf(one, "quorum 019")).toBe(true);
  expect(speaksOf(one, "sky green")).toBe(false);
});

test("a pending job's place counts those of its own lane that came before it", () => {
  const pending = [
    job("d"),
    job("high", { priority: "high" }),
    job("c", { paused: true }),
    job("b"),
    job("a"),
  ];
  expect(placeInLine(job("a"), pending)).toBe(1);
  expect(placeInLine(job("d"), pending)).toBe(3);
  expect(placeInLine(job("high", { priority: "high" }), pending)).toBe(1);
  expect(placeInLine(job("gone"), pending)).toBeUndefined();
});
