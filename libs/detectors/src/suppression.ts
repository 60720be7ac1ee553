/** Times that are known to be unusual: a release, a holiday, maintenance every Sunday night. */
export interface KnownEvent {
  readonly name: string;
  /** Whether it takes place at this time. @param ts ms. */
  covers(ts: number): boolean;
}

/** What a team does not want to hear of. Every rule that is set must let an anomaly pass. */
export interface SuppressionRules {
  /** Least distance from the expected value, in the unit of the series. */
  readonly absolute?: number;
  /** The same as a share of the expected value. */
  readonly relative?: number;
  readonly direction?: 'above' | 'below';
  /** Least time since the first anomalous point of the event. */
  readonly minimumDurationMs?: number;
  readonly calendar?: readonly KnownEvent[];
}

/** An anomalous point as the rules see it. */
export interface Candidate {
  readonly ts: number;
  readonly value: number;
  /** Undefined where no detector or forecast says what was expected: rules about the distance let it pass. */
  readonly expected?: number;
  /** When its event began. */
  readonly since: number;
}

export type SuppressionReason = 'known-event' | 'direction' | 'absolute' | 'relative' | 'duration';

/** Why an anomaly is not reported, or undefined when it is. */
export function suppressionReason(candidate: Candidate, rules: SuppressionRules): SuppressionReason | undefined {
  const { ts, value, expected, since } = candidate;
  if (rules.calendar?.some((event) => event.covers(ts))) return 'known-event';
  if (ts - since < (rules.minimumDurationMs ?? 0)) return 'duration';
  if (expected === undefined) return undefined;

  const distance = value - expected;
  if (rules.direction === 'above' && distance <= 0) return 'direction';
  if (rules.direction === 'below' && distance >= 0) return 'direction';
  if (Math.abs(distance) < (rules.absolute ?? 0)) return 'absolute';
  // A share of an expected 0 is 0: any distance is enough.
  if (Math.abs(distance) < (rules.relative ?? 0) * Math.abs(expected)) return 'relative';
  return undefined;
}
