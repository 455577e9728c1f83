import type { Services } from "../services.ts";

/** What a pass over a job needs of the world. */
export type EngineServices = Omit<Services, "sockets" | "watches" | "keys">;
