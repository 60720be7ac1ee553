/** Losses of all candidates over one stretch of time (a day), on the same points. */
export interface LossBlock {
  readonly points: number;
  /** Sum of losses of each candidate. */
  readonly losses: Readonly<Record<string, number>>;
}

/** What is served on a series, and why. */
export interface ChampionDecision {
  readonly champion: string;
  readonly changed: boolean;
  readonly reason: string;
}

/** When the guard acts. */
export interface GuardOptions {
  /** The one that nothing served may lose to. */
  readonly reference: string;
  /** Points that must have been scored before anything changes. */
  readonly fewestPoints: number;
  /** Blocks that must have been scored. */
  readonly fewestBlocks: number;
  /** A challenger must lose this share less. */
  readonly neededGain: number;
  /** And that by so many standard errors of the difference. */
  readonly neededErrors: number;
}

/** A gain of 2 % at 1.64 standard errors (one-sided 95 %) over at least five blocks. */
export const GUARD_DEFAULTS: GuardOptions = {
  reference: 'seasonal-naive',
  fewestPoints: 30,
  fewestBlocks: 5,
  neededGain: 0.02,
  neededErrors: 1.64,
};

/**
 * Whether the champion of a series stays. A challenger takes over when it is clearly better: by the needed gain, and by
 * the needed number of standard errors of the paired differences. A champion that loses to the reference at all gives way to it
 * sooner: one standard error and no gain are enough, as what is served must not be worse than naive. The distance
 * between the two thresholds is the hysteresis: what was just replaced does not come back by chance.
 *
 * @param blocks newest stretch of the scorecard; blocks in which a candidate has no loss are passed over for it.
 */
export function chooseChampion(
  champion: string,
  candidates: readonly string[],
  blocks: readonly LossBlock[],
  options: GuardOptions = GUARD_DEFAULTS,
): ChampionDecision {
  const { reference } = options;
  if (champion !== reference) {
    const against = compare(champion, reference, blocks);
    if (enough(against, options) && against.gain > 0 && against.errors >= 1) {
      return changed(reference, `${champion} loses to ${reference} by ${percent(against.gain)} over ${told(against)}`);
    }
  }
  let best: { name: string; comparison: Comparison } | undefined;
  for (const name of candidates) {
    if (name === champion) continue;
    const comparison = compare(champion, name, blocks);
    const { gain, errors } = comparison;
    if (!enough(comparison, options) || gain < options.neededGain || errors < options.neededErrors) continue;
    if (!best || gain > best.comparison.gain) best = { name, comparison };
  }
  if (!best) return { champion, changed: false, reason: `nothing is clearly better than ${champion}` };
  const { name, comparison } = best;
  return changed(name, `${name} loses ${percent(comparison.gain)} less than ${champion} over ${told(comparison)}`);
}

/** How much less `b` loses than `a`. */
interface Comparison {
  readonly points: number;
  readonly blocks: number;
  /** As a share of what `a` loses. */
  readonly gain: number;
  /** The mean difference in its standard errors. */
  readonly errors: number;
}

function compare(a: string, b: string, blocks: readonly LossBlock[]): Comparison {
  const paired = blocks.filter(({ losses, points }) => points > 0 && a in losses && b in losses);
  const differences = paired.map(({ losses }) => losses[a]! - losses[b]!);
  const total = paired.reduce((sum, { losses }) => sum + losses[a]!, 0);
  const gained = differences.reduce((sum, difference) => sum + difference, 0);
  const mean = gained / paired.length;
  const variance = differences.reduce((sum, difference) => sum + (difference - mean) ** 2, 0) / (paired.length - 1);
  const error = Math.sqrt(variance / paired.length);
  return {
    points: paired.reduce((sum, { points }) => sum + points, 0),
    blocks: paired.length,
    gain: total > 0 ? gained / total : 0,
    errors: error > 0 ? mean / error : Math.sign(mean) * Number.POSITIVE_INFINITY || 0,
  };
}

function enough({ points, blocks }: Comparison, { fewestPoints, fewestBlocks }: GuardOptions): boolean {
  return points >= fewestPoints && blocks >= fewestBlocks;
}

function changed(champion: string, reason: string): ChampionDecision {
  return { champion, changed: true, reason };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function told({ points, blocks, errors }: Comparison): string {
  return `${points} points in ${blocks} blocks (${Number.isFinite(errors) ? errors.toFixed(1) : 'all'} standard errors)`;
}
