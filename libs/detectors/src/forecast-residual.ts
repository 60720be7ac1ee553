import type { StateReader, StateWriter, Stateful } from './state.js';
import { Tail } from './tail.js';

export interface ForecastResidualOptions {
  /** Residuals kept a bucket of leads. */
  readonly capacity: number;
  /**
   * Surprise, in powers of ten, at which a value is anomalous: 3 is a p-value of .001, which takes 1,000 residuals of a
   * lead to have.
   */
  readonly threshold: number;
  readonly seed: number;
}

/** Of the layout of a snapshot. */
const VERSION = 1;
/** Leads 1, 2, 3–4, 5–8 … and above 256 have a memory each: errors grow with the lead. */
const BUCKETS = 10;

/** What a stored forecast says of the value that came. */
export interface ResidualVerdict {
  /** Conformal: of how many past residuals of such leads this one is not the larger. */
  readonly pValue: number;
  /** Above 1 is anomalous. */
  readonly score: number;
  /** The outermost level whose quantile the value is beyond: 0.025 is below the lowest, 0.9 above the .9 quantile. */
  readonly violatedLevel: number | undefined;
}

/**
 * Judges a value by a quantile forecast that was stored before it came: how far it lies outside the interval, against how
 * far values did at the same lead (split conformal over quantiles, Romano et al. 2019). No model runs.
 */
export class ForecastResidual implements Stateful {
  private readonly tails: readonly Tail[];

  constructor(private readonly options: ForecastResidualOptions = { capacity: 2_000, threshold: 3, seed: 140 }) {
    const { capacity, seed } = options;
    this.tails = Array.from({ length: BUCKETS }, (_, bucket) => new Tail(capacity, seed + bucket));
  }

  /**
   * Undefined where the value or a quantile is missing: nothing is learnt from it.
   *
   * @param lead 1 for the step after the cutoff.
   * @param levels ascending. @param quantiles in the unit of the value, one a level, ascending.
   */
  observe(
    value: number,
    lead: number,
    levels: readonly number[],
    quantiles: ArrayLike<number>,
  ): ResidualVerdict | undefined {
    const [lower, upper] = [quantiles[0]!, quantiles[levels.length - 1]!];
    if (!(Number.isFinite(value) && Number.isFinite(lower) && Number.isFinite(upper))) return undefined;

    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.ceil(Math.log2(lead))));
    const surprise = this.tails[bucket]!.surprise(residual(value, lower, upper));
    return {
      pValue: 10 ** -surprise,
      score: surprise / this.options.threshold,
      violatedLevel: violatedLevel(value, levels, quantiles),
    };
  }

  save(to: StateWriter): void {
    to.number(VERSION);
    for (const tail of this.tails) tail.save(to);
  }

  load(from: StateReader): void {
    from.version('forecast residuals', VERSION);
    for (const tail of this.tails) tail.load(from);
  }
}

/** max(lower − v, v − upper) in widths of the interval, moved so that the middle of it is 0: never negative. */
function residual(value: number, lower: number, upper: number): number {
  const outside = Math.max(lower - value, value - upper);
  const width = upper - lower;
  // An interval without width says that nothing else can come.
  if (!(width > 0)) return outside > 0 ? Number.MAX_VALUE : 0;
  return Math.max(0, outside / width + 0.5);
}

function violatedLevel(value: number, levels: readonly number[], quantiles: ArrayLike<number>): number | undefined {
  const below = levels.find((level, i) => level < 0.5 && value < quantiles[i]!);
  return below ?? levels.findLast((level, i) => level > 0.5 && value > quantiles[i]!);
}
