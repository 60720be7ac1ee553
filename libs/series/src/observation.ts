/** Bits of `observations.flags`. */
export const ObservationFlag = { imputed: 1, late: 2, revised: 4 } as const;
