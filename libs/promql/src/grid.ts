/** The times that a query is evaluated at: start, start + step, … up to end, in epoch milliseconds. */
export interface Grid {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly count: number;
}

/** A grid from start to end, which must not lie before it; of one time where they are the same. */
export function gridOf(startMs: number, endMs: number, stepMs: number): Grid {
  return { startMs, endMs, stepMs, count: Math.floor((endMs - startMs) / stepMs) + 1 };
}

/** A grid of a single time. */
export function instantGrid(ms: number): Grid {
  return { startMs: ms, endMs: ms, stepMs: 1, count: 1 };
}
