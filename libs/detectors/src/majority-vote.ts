/** RoLA's thd_pos and thd_neg: only channels this strongly correlated vote on each other. */
export const CORRELATED = 0.95;

/** What happens to an anomaly of a channel that no other one is correlated with: nobody can confirm it. */
export type IsolatedPolicy = 'suppress' | 'report-unconfirmed';

/** A correlated channel's vote. */
export interface Partner {
  readonly channel: number;
  readonly coefficient: number;
  /** Whether its own detector fired at the same point. */
  readonly agrees: boolean;
}

/** The vote on one channel that fired. */
export interface ChannelVote {
  readonly channel: number;
  readonly partners: readonly Partner[];
  /** C_agree and C_disagree of the paper; the channel itself agrees. */
  readonly agree: number;
  readonly disagree: number;
  /** More agree than disagree, and at least one partner voted. */
  readonly confirmed: boolean;
}

/**
 * RoLA's majority rule (arXiv 2305.16509, Figure 3) for every channel that fired. Correlations are asked for only here,
 * so a point at which nothing fires costs none.
 */
export function majorityVote(
  fired: Uint8Array,
  correlation: (a: number, b: number) => number,
  threshold = CORRELATED,
): ChannelVote[] {
  const votes: ChannelVote[] = [];
  fired.forEach((fires, channel) => {
    if (fires === 0) return;
    const partners: Partner[] = [];
    for (let other = 0; other < fired.length; other++) {
      if (other === channel) continue;
      const coefficient = correlation(channel, other);
      // NaN (a constant channel, too few rows) is no correlation.
      if (Math.abs(coefficient) > threshold) {
        partners.push({ channel: other, coefficient, agrees: fired[other] === 1 });
      }
    }
    const agree = 1 + partners.filter((partner) => partner.agrees).length;
    const disagree = 1 + partners.length - agree;
    votes.push({ channel, partners, agree, disagree, confirmed: agree > disagree && partners.length > 0 });
  });
  return votes;
}
