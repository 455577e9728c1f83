import type { Json } from "../protocol/json.ts";
import type { Call } from "./limits.ts";
import type { Finish, ModelRequest } from "./model.ts";

/** What a provider answers; name, price and limits are added by the one who asked. */
export type Reply = {
  text: string;
  object?: Json;
  finish: Finish;
  /** Absent where the provider does not tell. */
  tokens?: { input: number; output: number };
  mock?: boolean;
};

/** @param model - the name that the provider knows, without its prefix. */
export type Provider = (model: string, request: ModelRequest, call: Call) => Promise<Reply>;
