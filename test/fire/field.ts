import type { StreamRow } from "../../local/dynamo-engine.ts";
import { type Engines, startEngines, tableName } from "../support/engines.ts";

/** How often the stream is read. */
const readMs = 10;

/** One pair of engines for any number of scenarios at a time, each of which is a tenant. */
export class Field {
  readonly engines: Engines;
  readonly #listeners = new Map<string, (row: StreamRow) => void>();
  readonly #timer: NodeJS.Timeout;
  #position = 0;

  private constructor(engines: Engines) {
    this.engines = engines;
    this.#timer = setInterval(() => this.read(), readMs);
  }

  static async start(): Promise<Field> {
    return new Field(await startEngines());
  }

  /** The last write to the table at this moment. */
  get lastWrite(): number {
    return this.engines.dynamo.streamEnd();
  }

  /** Tells of every write below a tenant's partitions, in the order of the writes. */
  listen(tenant: string, listener: (row: StreamRow) => void): void {
    this.#listeners.set(tenant, listener);
  }

  leave(tenant: string): void {
    this.#listeners.delete(tenant);
  }

  /** Tells of what has been written by now. */
  read(): void {
    for (;;) {
      const rows = this.engines.dynamo.streamAfter(tableName, this.#position, 1_000);
      for (const row of rows) {
        this.#position = row.id;
        const tenant = /"T#([^#"]+)/.exec(row.keys_json)?.[1];
        if (tenant !== undefined) this.#listeners.get(tenant)?.(row);
      }
      if (rows.length < 1_000) return;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.engines.stop();
  }
}
