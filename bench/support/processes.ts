import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU time in these. */
const ticksPerSecond = 100;

export type Process = {
  pid: number;
  parent: number;
  /** `runner`, `dynoxide`, or the name of a function. */
  label: string;
  /** With what its children had used when they ended. */
  cpuMs: number;
};

function statOf(pid: number): Omit<Process, "label"> | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
    return { pid, parent: Number(fields[1]), cpuMs: (1000 * ticks) / ticksPerSecond };
  } catch {
    return undefined; // it has ended meanwhile
  }
}

function labelOf(pid: number): string {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    return (
      /convoke-lambda[ :](\w+)/.exec(command)?.[1] ?? (command.includes("dynoxide") ? "dynoxide" : "runner")
    );
  } catch {
    return "runner";
  }
}

/** A process and all that it has started. */
export function tree(root: number): Process[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => statOf(Number(pid)) ?? []);
  const found: Process[] = [];
  const visit = (pid: number) => {
    const stat = all.find((one) => one.pid === pid);
    if (!stat) return;
    found.push({ ...stat, label: labelOf(pid) });
    for (const child of all) if (child.parent === pid) visit(child.pid);
  };
  visit(root);
  return found;
}

/** CPU milliseconds by label. What a sandbox used that has ended is the runner's: Linux adds it to the parent. */
export function cpuByLabel(root: number): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { label, cpuMs } of tree(root)) sums[label] = (sums[label] ?? 0) + cpuMs;
  return sums;
}

/** MiB by label, with shared pages counted once over all processes (PSS). */
export function memoryByLabel(root: number): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { label, pid } of tree(root)) {
    try {
      const [, kib] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
      sums[label] = (sums[label] ?? 0) + Number(kib) / 1024;
    } catch {
      // it has ended meanwhile
    }
  }
  return sums;
}

export function total(sums: Record<string, number>): number {
  return Object.values(sums).reduce((sum, value) => sum + value, 0);
}
