/** One measured point of one series. */
export interface Observation {
  readonly itemId: string;
  readonly channel: string;
  /** Milliseconds since the epoch, UTC. */
  readonly ts: number;
  /** Finite; a missing value is an observation that does not exist. */
  readonly value: number;
}

/** Bits of `observations.flags`. */
export const ObservationFlag = { imputed: 1, late: 2, revised: 4 } as const;
