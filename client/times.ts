/** How patient the client is, in milliseconds. */
export type Times = {
  /** So long may something be missing before it is asked for again. */
  gapMs: number;
  /** How often to ask for the head of a watched journal: nothing else tells that its last event got lost. */
  probeMs: number;
  /** So long may a socket take to open before the journal is read over HTTP meanwhile. */
  pollAfterMs: number;
  /** How long the service may hold an answer when there is nothing new. */
  pollWaitMs: number;
  /** After a failed request, and before the second try to open a socket; longer each time, up to the second figure. */
  retryMs: number;
  longestRetryMs: number;
  /** Whoever asks for more patience than that is asked again all the same. */
  longestPatienceMs: number;
  connectMs: number;
  /** So long may an answer take to its last byte, and so long a value or a file. */
  answerMs: number;
  transferMs: number;
  /** API Gateway ends a connection after two hours: better at a moment of one's own, and not all clients at once. */
  renewMs: number;
  /** A live list is to be read again so often: nothing tells that a push got lost. */
  listMs: number;
  /** And so long after its watch stands: it takes a second until all who push know of it. */
  settleMs: number;
  /** A socket on which nothing is watched is kept so long for the next watch. */
  idleMs: number;
};

export const usualTimes: Times = {
  gapMs: 2_000,
  probeMs: 15_000,
  pollAfterMs: 500,
  pollWaitMs: 20_000,
  retryMs: 500,
  longestRetryMs: 30_000,
  longestPatienceMs: 20_000,
  connectMs: 10_000,
  answerMs: 60_000,
  transferMs: 10 * 60_000,
  renewMs: 105 * 60_000,
  listMs: 60_000,
  settleMs: 2_000,
  idleMs: 60_000,
};
