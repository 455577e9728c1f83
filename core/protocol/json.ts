/** Anything that survives `JSON.parse(JSON.stringify(x))` unchanged. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** Epoch milliseconds. On the wire a moment is an ISO 8601 string that ends in `Z`. */
export type Millis = number;
