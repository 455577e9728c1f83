import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { commandLine } from "./processes.ts";

/** What the runner itself has to remember between starts: how far streams are read, and which processes are its own. */
export interface State {
  readonly directory: string;
  get(name: string): string | undefined;
  set(name: string, value: string): void;
  /** Notes a process that has to be gone before the next start. `mark` is part of its command line. */
  addProcess(pid: number, mark: string): void;
  removeProcess(pid: number): void;
  close(): void;
}

/**
 * Opens the state of a data directory and ends what a killed runner may have left there.
 * @throws when another runner holds it. The lock is SQLite's, so it ends with the process, however that ends.
 */
export function openState(directory: string): State {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(directory, "runner.db"));
  try {
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = OFF;
      BEGIN EXCLUSIVE;
      CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS processes (pid INTEGER PRIMARY KEY, mark TEXT NOT NULL);
      COMMIT;
    `);
  } catch (cause) {
    database.close();
    throw new Error(`Another start of Convoke is using ${directory}; stop it, or choose another --data`, {
      cause,
    });
  }

  const get = database.prepare("SELECT value FROM settings WHERE name = ?");
  const set = database.prepare(
    "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
  );
  const add = database.prepare("INSERT OR REPLACE INTO processes VALUES (?, ?)");
  const remove = database.prepare("DELETE FROM processes WHERE pid = ?");

  for (const { pid, mark } of database.prepare("SELECT pid, mark FROM processes").all()) {
    // The number may belong to a stranger by now; the command line tells.
    if (commandLine(Number(pid))?.includes(String(mark))) process.kill(Number(pid), "SIGKILL");
  }
  database.exec("DELETE FROM processes");

  return {
    directory,
    get: (name) => get.get(name)?.value as string | undefined,
    set: (name, value) => void set.run(name, value),
    addProcess: (pid, mark) => void add.run(pid, mark),
    removeProcess: (pid) => void remove.run(pid),
    close: () => database.close(),
  };
}
