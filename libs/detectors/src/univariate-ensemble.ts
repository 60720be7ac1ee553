import type { AlarmGateOptions } from './alarm-gate.js';
import type { PointStatus } from './detector.js';
import { fuse } from './fusion.js';
import { Drift, HourlyLevel } from './level.js';
import { Neighbours } from './neighbours.js';
import type { StateReader, StateWriter } from './state.js';
import { notShown, StreamingDetector, type Finding } from './streaming-detector.js';
import { StreamingPca } from './streaming-pca.js';
import { Tail } from './tail.js';

/** Points that surprise is measured against: at five minutes a point these are three weeks. */
const MEMORY = 6_400;
/** Points that the views look back on. */
const WINDOW = 32;
/** The last of them are compared with a sample of past windows as they are. */
const FINE_WIDTH = 16;
/** And all of them as four means of eight. */
const COARSE_WIDTH = 4;
const COARSE_POINTS = WINDOW / COARSE_WIDTH;
/** Drift is the mean of so many points against a slow mean of about 500. */
const DRIFT_POINTS = 60;
const SLOW = 0.002;
const DAY_HOURS = 24;
const WEEK_HOURS = 168;
/** An hour of the day has a memory of about 100 of its points, an hour of the week of 20. */
const DAY_RATE = 0.01;
const WEEK_RATE = 0.05;
/** Fewer points tell nothing: the first verdict is over the eighth. */
const LEAST_POINTS = 7;

const VOTERS = ['window', 'coarse', 'day', 'week', 'drift', 'shape'] as const;

/** How an ensemble sounds alarms, and what its random choices begin with. */
export interface EnsembleOptions extends AlarmGateOptions {
  readonly seed: number;
}

/**
 * The default detector of one series: six cheap views of it (nearest past windows, fine and coarse; usual level of the hour
 * of the day and of the week; drift of the level; shape of the window), each turned into the surprise of its rank among
 * its own past, and fused. Nothing depends on the unit or range of a series, and one configuration serves all.
 */
export class UnivariateEnsemble extends StreamingDetector {
  private readonly fine: Neighbours;
  private readonly coarse: Neighbours;
  private readonly day = new HourlyLevel(DAY_HOURS, DAY_RATE);
  private readonly week = new HourlyLevel(WEEK_HOURS, WEEK_RATE);
  private readonly drift = new Drift(DRIFT_POINTS, SLOW);
  private readonly pca = new StreamingPca({ width: WINDOW, components: 4 });
  private readonly tails: readonly Tail[];
  private readonly window = new Float64Array(WINDOW);
  private readonly fineWindow = this.window.subarray(WINDOW - FINE_WIDTH);
  private readonly coarseWindow = new Float64Array(COARSE_WIDTH);
  private readonly surprises = new Float64Array(VOTERS.length);
  private count = 0;

  constructor(options: EnsembleOptions) {
    super(`univariate-ensemble/2/${options.seed}`, 1, options);
    const { seed } = options;
    const sample = { rank: 3, horizon: MEMORY };
    this.tails = VOTERS.map((_, i) => new Tail(MEMORY, seed + i));
    this.fine = new Neighbours({ ...sample, width: FINE_WIDTH, capacity: 512, seed });
    this.coarse = new Neighbours({ ...sample, width: COARSE_WIDTH, capacity: 256, seed: seed + VOTERS.length });
  }

  protected find(ts: number, values: Float64Array): Finding {
    const value = values[0]!;
    // Before the first value the series is taken to have stood where it begins.
    if (this.count === 0) this.window.fill(value);
    else this.window.copyWithin(0, 1);
    this.window[WINDOW - 1] = value;
    const before = Math.min(this.count, MEMORY);
    this.count++;

    const [window, coarse, day, week, drift, shape] = [
      this.surprise(0, this.fine.update(this.fineWindow)),
      this.surprise(1, this.coarse.update(this.coarsen())),
      this.surprise(2, this.day.update(ts, value)),
      this.surprise(3, this.week.update(ts, value)),
      this.surprise(4, this.drift.update(value)),
      this.surprise(5, this.pca.update(this.window)),
    ];
    const votes = { window, coarse, day, week, drift, shape };
    if (this.count <= LEAST_POINTS) return { ...notShown('warming-up'), votes };
    return { status: 'scored', strangeness: fuse(this.surprises, before), votes };
  }

  private surprise(voter: number, score: number): number {
    return (this.surprises[voter] = this.tails[voter]!.surprise(score));
  }

  /** Means of eight points each, the newest first. */
  private coarsen(): Float64Array {
    for (let k = 0; k < COARSE_WIDTH; k++) {
      let sum = 0;
      for (let i = 1; i <= COARSE_POINTS; i++) sum += this.window[WINDOW - k * COARSE_POINTS - i]!;
      this.coarseWindow[k] = sum / COARSE_POINTS;
    }
    return this.coarseWindow;
  }

  protected nothing(status: PointStatus): Finding {
    return notShown(status);
  }

  protected saveParts(to: StateWriter): void {
    to.number(this.count);
    to.array(this.window);
    for (const part of this.parts()) part.save(to);
  }

  protected loadParts(from: StateReader): void {
    this.count = from.number();
    from.array(this.window);
    for (const part of this.parts()) part.load(from);
  }

  private parts() {
    return [this.fine, this.coarse, this.day, this.week, this.drift, this.pca, ...this.tails];
  }
}
