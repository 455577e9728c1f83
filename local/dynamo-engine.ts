import type { ChildProcess } from "node:child_process";
import { existsSync, watch } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { JsonObject } from "../core/protocol/json.ts";
import type { Log } from "./log.ts";
import { exited, onPath, spawnBound } from "./processes.ts";
import type { State } from "./state.ts";

/** A write to a streamed table, as the engine keeps it. */
export type StreamRow = {
  /** Grows with every write to any table and is never given twice. */
  id: number;
  event_name: "INSERT" | "MODIFY" | "REMOVE";
  keys_json: string;
  new_image: string | null;
  old_image: string | null;
  sequence_number: string;
  /** Whole seconds. */
  created_at: number;
};

export interface DynamoEngine {
  port: number;
  pid(): number;
  /** @throws an Error whose name is DynamoDB's, such as `ConditionalCheckFailedException`. */
  call(operation: string, input: JsonObject): Promise<JsonObject>;
  streamAfter(table: string, id: number, limit: number): StreamRow[];
  /** The id of the newest write, 0 before the first. */
  streamEnd(): number;
  /** Asks to be told soon after any write; false alarms are possible, and so is an alarm before the write can be read. */
  onWrite(listener: () => void): void;
  /** Items of a table in slices, so that a walk over all of them never holds up the runner for long. */
  items(table: string): AsyncIterable<JsonObject>;
  trimStream(olderThanSeconds: number): void;
  stop(): Promise<void>;
}

/**
 * Runs dynoxide on a file. Its own memory mode is not used: every write searches the stream records for the highest
 * sequence number, without an index, and an index can only be added from the outside, to a file.
 */
export async function startDynamo(state: State, log: Log): Promise<DynamoEngine> {
  const binary = findBinary();
  const file = join(state.directory, "dynamo.db");
  let stopping = false;
  let child: ChildProcess;
  let port: number;

  const launch = async (onPort: number) => {
    const started = spawnBound(binary, ["--host", "127.0.0.1", "--port", String(onPort), "--db-path", file], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output: string[] = [];
    const listening = new Promise<boolean>((resolve) => {
      const hear = (text: Buffer) => {
        output.push(String(text));
        if (output.join("").includes("listening on")) resolve(true);
      };
      started.stdout?.on("data", hear);
      started.stderr?.on("data", hear);
      started.once("error", () => resolve(false));
      started.once("exit", () => resolve(false));
    });
    if (!(await listening)) throw new Error(`The DynamoDB engine did not start: ${output.join("").trim()}`);
    state.addProcess(started.pid!, file);
    started.once("exit", () => {
      state.removeProcess(started.pid!);
      if (!stopping) void revive();
    });
    return started;
  };

  // Functions know the address, so the engine has to come back where it was.
  const revive = async () => {
    log.line("the DynamoDB engine ended; starting it again");
    while (!stopping) {
      try {
        child = await launch(port);
        if (stopping) child.kill("SIGKILL");
        return;
      } catch (error) {
        log.line(String(error));
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  };

  for (let attempt = 1; ; attempt++) {
    port = await freePort();
    try {
      child = await launch(port);
      break;
    } catch (error) {
      // Between finding a free port and listening on it somebody else may have taken it.
      if (attempt === 3) throw error;
    }
  }

  const database = new DatabaseSync(file);
  database.exec("PRAGMA busy_timeout = 5000");
  database.exec(
    "CREATE INDEX IF NOT EXISTS stream_sequence ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
  );
  const after = database.prepare(
    `SELECT id, event_name, keys_json, new_image, old_image, sequence_number, created_at
     FROM _stream_records WHERE id > ? AND +table_name = ? ORDER BY id LIMIT ?`,
  );
  const end = database.prepare("SELECT max(id) AS id FROM _stream_records");
  // Sequence numbers would start again at 1 if a table's last record went.
  const trim = database.prepare(
    `DELETE FROM _stream_records WHERE created_at < ?
     AND id NOT IN (SELECT max(id) FROM _stream_records GROUP BY table_name)`,
  );
  const listeners: (() => void)[] = [];
  const watcher = watch(`${file}-wal`, () => {
    for (const listener of listeners) listener();
  });
  const address = `http://127.0.0.1:${port}/`;

  return {
    port,
    pid: () => child.pid!,
    async call(operation, input) {
      const response = await fetch(address, {
        method: "POST",
        headers: {
          "content-type": "application/x-amz-json-1.0",
          "x-amz-target": `DynamoDB_20120810.${operation}`,
          authorization:
            "AWS4-HMAC-SHA256 Credential=local/20200101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
          "x-amz-date": "20200101T000000Z",
        },
        body: JSON.stringify(input),
      });
      const body = (await response.json()) as JsonObject;
      if (response.ok) return body;
      const error = new Error(`${operation}: ${body.message ?? body.Message}`);
      error.name = String(body.__type).split("#").at(-1)!;
      throw error;
    },
    streamAfter: (table, id, limit) => after.all(id, table, limit) as unknown as StreamRow[],
    streamEnd: () => Number(end.get()?.id ?? 0),
    onWrite: (listener) => void listeners.push(listener),
    async *items(table) {
      const slice = database.prepare(
        `SELECT rowid, item_json FROM "${table}" WHERE rowid > ? ORDER BY rowid LIMIT 1000`,
      );
      for (let last = 0; ; ) {
        const rows = slice.all(last);
        if (rows.length === 0) return;
        for (const row of rows) yield JSON.parse(row.item_json as string) as JsonObject;
        last = Number(rows.at(-1)!.rowid);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    trimStream: (olderThanSeconds) => void trim.run(Math.floor(Date.now() / 1000) - olderThanSeconds),
    async stop() {
      stopping = true;
      watcher.close();
      database.close();
      child.kill("SIGTERM");
      const patience = setTimeout(() => child.kill("SIGKILL"), 2_000);
      await exited(child);
      clearTimeout(patience);
    },
  };
}

function findBinary(): string {
  const packaged = `@dynoxide/${process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${packaged}/package.json`);
    const program = process.platform === "win32" ? "dynoxide.exe" : "dynoxide";
    return join(dirname(manifest), program);
  } catch {
    const local = join(import.meta.dirname, "../node_modules/.bin/dynoxide");
    const found = existsSync(local) ? local : onPath("dynoxide");
    if (found) return found;
    throw new Error(
      `The DynamoDB engine dynoxide is not installed for ${process.platform}-${process.arch}. ` +
        `Install it with \`npm install --no-save ${packaged}@1.2.1\` or \`cargo install dynoxide-rs\`, ` +
        "or put a `dynoxide` program on the PATH.",
    );
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
