import type { PointStatus } from './detector.js';
import { HourlyLevel, Level } from './level.js';
import { Neighbours } from './neighbours.js';
import type { StateReader, StateWriter } from './state.js';
import { notShown, StreamingDetector, type Finding } from './streaming-detector.js';
import { StreamingPca } from './streaming-pca.js';
import { Tail } from './tail.js';

/** Points that surprise is measured against: at five minutes a point these are three weeks. */
const MEMORY = 6_400;
/** Windows of 8 and of 12 points are compared with a sample of past windows. */
const SHORT_WINDOW = 8;
const WINDOW = 12;
/** Four means of four points are compared like windows. */
const COARSE_POINTS = 4;
const COARSE_WIDTH = 4;
/** Windows of 32 points have principal directions. */
const PCA_WINDOW = 32;
/** Fewer points tell nothing: the first verdict is over the eighth. */
const LEAST_POINTS = 7;

const VOTERS = ['window8', 'window12', 'coarse', 'hour', 'drift', 'shape'] as const;
type Votes = Record<(typeof VOTERS)[number], number>;

export interface EnsembleOptions {
  readonly seed: number;
  /** Fused surprise (in powers of ten) at which a point is anomalous. */
  readonly threshold: number;
  readonly coolDown: number;
  readonly smoothing: number;
}

/**
 * The default detector of one series: six cheap views of it (nearest past windows of two lengths and a coarse one, the
 * usual level of the hour, drift of the level, shape of the window), each turned into the surprise of its rank among its
 * own past, and fused. Nothing depends on the unit or range of a series, and one configuration serves all.
 */
export class UnivariateEnsemble extends StreamingDetector {
  private readonly level = new Level();
  private readonly hourly = new HourlyLevel();
  private readonly neighbours: Neighbours;
  private readonly coarseNeighbours: Neighbours;
  private readonly pca = new StreamingPca({ width: PCA_WINDOW, components: 4 });
  private readonly tails: readonly Tail[];
  private readonly window = new Float64Array(PCA_WINDOW);
  private readonly coarse = new Float64Array(COARSE_WIDTH);
  private readonly shortWindow = this.window.subarray(PCA_WINDOW - WINDOW);
  private count = 0;

  constructor(options: EnsembleOptions) {
    super(`univariate-ensemble/1/${options.seed}`, 1, options);
    const { seed } = options;
    this.tails = VOTERS.map((_, i) => new Tail(MEMORY, seed + i));
    this.neighbours = new Neighbours({ width: WINDOW, capacity: 512, rank: 3, horizon: MEMORY, seed }, SHORT_WINDOW);
    this.coarseNeighbours = new Neighbours({
      width: COARSE_WIDTH,
      capacity: 256,
      rank: 3,
      horizon: MEMORY,
      seed: seed + VOTERS.length,
    });
  }

  protected find(ts: number, values: Float64Array): Finding {
    const value = values[0]!;
    // Before the first value the series is taken to have stood where it begins.
    if (this.count === 0) this.window.fill(value);
    else this.window.copyWithin(0, 1);
    this.window[PCA_WINDOW - 1] = value;
    this.count++;

    const { tail, all } = this.neighbours.update(this.shortWindow);
    const { drift } = this.level.update(value);
    const votes: Votes = {
      window8: this.tails[0]!.surprise(tail),
      window12: this.tails[1]!.surprise(all),
      coarse: this.tails[2]!.surprise(this.coarseNeighbours.update(this.coarsen()).all),
      hour: this.tails[3]!.surprise(this.hourly.update(ts, value)),
      drift: this.tails[4]!.surprise(drift),
      shape: this.tails[5]!.surprise(this.pca.update(this.window)),
    };
    if (this.count <= LEAST_POINTS) return { ...notShown('warming-up'), votes };
    return { status: 'scored', strangeness: fused(votes), votes };
  }

  /** Means of four points each, the newest first. */
  private coarsen(): Float64Array {
    for (let k = 0; k < COARSE_WIDTH; k++) {
      let sum = 0;
      for (let i = 1; i <= COARSE_POINTS; i++) sum += this.window[PCA_WINDOW - k * COARSE_POINTS - i]!;
      this.coarse[k] = sum / COARSE_POINTS;
    }
    return this.coarse;
  }

  protected nothing(status: PointStatus): Finding {
    return notShown(status);
  }

  protected save(to: StateWriter): void {
    to.number(this.count);
    to.array(this.window);
    for (const part of this.parts()) part.save(to);
  }

  protected load(from: StateReader): void {
    this.count = from.number();
    from.array(this.window);
    for (const part of this.parts()) part.load(from);
  }

  private parts() {
    return [this.level, this.hourly, this.neighbours, this.coarseNeighbours, this.pca, ...this.tails];
  }
}

/** Between the mean of the voters, which is calm, and the loudest, which alone may know: half of each. */
function fused({ window8, window12, coarse, hour, drift, shape }: Votes): number {
  const sum = window8 + window12 + coarse + hour + drift + shape;
  return (sum / VOTERS.length + Math.max(window8, window12, coarse, hour, drift, shape)) / 2;
}
