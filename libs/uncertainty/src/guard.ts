import { normalQuantile } from '@app/series';

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
  /** What is served unless something else is clearly better. */
  readonly home: string;
  /** The one that nothing served may lose to. */
  readonly reference: string;
  /** Points that must have been scored before anything changes. */
  readonly fewestPoints: number;
  /** Blocks that must have been scored. */
  readonly fewestBlocks: number;
  /** A challenger must lose this share less. */
  readonly neededGain: number;
  /** The probability that any of the challengers seems so much better by chance, which they share (Bonferroni). */
  readonly doubt: number;
}

/** A gain of 5 % that one of all challengers has by chance once in twenty, over at least five blocks. */
export const GUARD_DEFAULTS: GuardOptions = {
  home: 'aggregate',
  reference: 'seasonal-naive',
  fewestPoints: 30,
  fewestBlocks: 5,
  neededGain: 0.05,
  doubt: 0.05,
};

/**
 * Whether the champion of a series stays. A challenger takes over when it is clearly better: by the needed gain, and by
 * more standard errors of the paired differences than chance would give the best of so many. A champion that loses to
 * the reference at all, with nothing better than that in sight, gives way to it sooner: one standard error and no gain are enough, as what is served must not be worse than naive. What
 * is at home comes back as soon as the champion does no better, or, from the reference, when it is better by one standard error. The distance
 * between these thresholds is the hysteresis: what was just replaced does not come back by chance.
 *
 * @param blocks newest stretch of the scorecard; blocks in which a candidate has no loss are passed over for it.
 */
export function chooseChampion(
  champion: string,
  candidates: readonly string[],
  blocks: readonly LossBlock[],
  options: GuardOptions = GUARD_DEFAULTS,
): ChampionDecision {
  const { reference, home } = options;
  const best = bestRival(champion, candidates, blocks, options);
  if (best && best.name !== reference && compare(reference, best.name, blocks).gain >= 0)
    return crowned(best, champion);
  if (champion !== reference) {
    const against = compare(champion, reference, blocks);
    if (enough(against, options) && against.gain > 0 && against.errors >= 1) {
      return changed(reference, `${champion} loses to ${reference} by ${percent(against.gain)} over ${told(against)}`);
    }
  }
  if (champion !== home) {
    const back = compare(champion, home, blocks);
    if (enough(back, options) && back.gain >= 0 && back.errors >= (champion === reference ? 1 : 0)) {
      return changed(home, `${champion} is no better than ${home} any more, over ${told(back)}`);
    }
  }
  return best
    ? crowned(best, champion)
    : { champion, changed: false, reason: `nothing is clearly better than ${champion}` };
}

interface Rival {
  readonly name: string;
  readonly comparison: Comparison;
}

/** Of those that are clearly better than the champion the one that gains most. */
function bestRival(
  champion: string,
  candidates: readonly string[],
  blocks: readonly LossBlock[],
  options: GuardOptions,
): Rival | undefined {
  const rivals = candidates.filter((name) => name !== champion);
  const neededErrors = rivals.length === 0 ? 0 : normalQuantile(1 - options.doubt / rivals.length);
  return rivals
    .map((name) => ({ name, comparison: compare(champion, name, blocks) }))
    .filter(
      ({ comparison }) =>
        enough(comparison, options) && comparison.gain >= options.neededGain && comparison.errors >= neededErrors,
    )
    .sort((a, b) => b.comparison.gain - a.comparison.gain)[0];
}

function crowned({ name, comparison }: Rival, champion: string): ChampionDecision {
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
  const error = errorOfMean(differences.map((difference) => difference - mean));
  return {
    points: paired.reduce((sum, { points }) => sum + points, 0),
    blocks: paired.length,
    gain: total > 0 ? gained / total : 0,
    errors: error > 0 ? mean / error : Math.sign(mean) * Number.POSITIVE_INFINITY || 0,
  };
}

/**
 * The standard error of a mean of values that follow each other: a forecast reaches over several blocks, so what it misses
 * in one it misses in the next (Newey & West 1987, with ⌊n^⅓⌋ lags). Never below that of independent values.
 */
function errorOfMean(deviations: readonly number[]): number {
  const { length } = deviations;
  const lags = Math.floor(Math.cbrt(length));
  const product = (lag: number) =>
    deviations.reduce((sum, deviation, i) => sum + (i < lag ? 0 : deviation * deviations[i - lag]!), 0);
  const alone = product(0);
  let whole = alone;
  for (let lag = 1; lag <= lags; lag++) whole += 2 * (1 - lag / (lags + 1)) * product(lag);
  return Math.sqrt(Math.max(alone, whole) / (length * (length - 1)));
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
