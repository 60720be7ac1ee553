import { AareThreshold, averageAbsoluteRelativeError } from './aare.js';
import { Lstm } from './lstm.js';
import { Random } from './random.js';
import type { StateReader, StateWriter, Stateful } from './state.js';

/** Points a model sees (b in the papers); it predicts the next one. */
const LOOK_BACK = 3;
/** 2b + 1: the verdicts begin with the eighth point. */
const WARM_UP = 2 * LOOK_BACK + 1;
/** A series that can't be predicted trains at each point: these bound its cost, and bind in no calm series. */
const TRAININGS_AT_ONCE = 200;
const TRAININGS_PER_POINT = 0.1;
/** The places of a window and of the value that follows it. */
const POSITIONS = Float64Array.from({ length: LOOK_BACK + 1 }, (_, place) => place / LOOK_BACK);

export interface RePad2Options {
  readonly seed: number;
  /** AARE values in the threshold (W). */
  readonly window: number;
  readonly hidden: number;
  readonly epochs: number;
  readonly learningRate: number;
  /** Values nearer to zero than this have absolute errors. */
  readonly floor: number;
  /** The re-check appends a second AARE instead of replacing the first, as public re-implementations do. */
  readonly legacyDoublePush: boolean;
  /**
   * What a model sees: the values of the window, each followed by the next one, by default; or the places of the window,
   * each with the value there, as a public re-implementation does.
   */
  readonly inputs?: 'values' | 'positions';
}

/** What the detectors `rola` and `repad2` run with. */
export const REPAD2_DEFAULTS: RePad2Options = {
  seed: 140,
  window: 1440,
  hidden: 10,
  epochs: 50,
  learningRate: 0.005,
  floor: 1,
  legacyDoublePush: false,
};

/** What RePAD2 says of one value. During warm-up all numbers are 0. */
export interface LadVerdict {
  readonly ready: boolean;
  readonly anomalous: boolean;
  readonly predicted: number;
  readonly aare: number;
  readonly threshold: number;
}

/**
 * RePAD2 (Lee & Lin 2023, arXiv 2303.00409): an LSTM that learns three points, and is trained again only where its error
 * over the last three points rises above what the series' own history allows. A look-back and threshold window are all
 * it keeps.
 */
export class RePad2 implements Stateful {
  private model: Lstm;
  private spare: Lstm;
  private readonly random: Random;
  private readonly errors: AareThreshold;
  /** v and v̂ of T−3 … T. */
  private readonly values = new Float64Array(LOOK_BACK + 1);
  private readonly predicted = new Float64Array(LOOK_BACK + 1);
  private readonly scaled = new Float64Array(LOOK_BACK);
  private trusted = true;
  private time = -1;
  private trainings = TRAININGS_AT_ONCE;
  private trained = false;

  constructor(private readonly options: RePad2Options = REPAD2_DEFAULTS) {
    this.model = new Lstm(options.hidden);
    this.spare = new Lstm(options.hidden);
    this.random = new Random(options.seed);
    this.errors = new AareThreshold(options.window);
  }

  /** Whether the last value made it train a model: what costs most of its time. */
  get trainedLast(): boolean {
    return this.trained;
  }

  /** Takes in the next value: T of the paper's Figure 2. */
  observe(value: number): LadVerdict {
    this.time++;
    this.trained = false;
    this.trainings = Math.min(this.trainings + TRAININGS_PER_POINT, TRAININGS_AT_ONCE);
    this.values.copyWithin(0, 1);
    this.values[LOOK_BACK] = value;
    if (this.time < WARM_UP) return this.warmUp();

    if (this.time > WARM_UP) this.predicted.copyWithin(0, 1);
    return this.trusted ? this.judge() : this.judgeAfresh();
  }

  /** T < 7: each window of three is learnt, and its successor predicted. */
  private warmUp(): LadVerdict {
    if (this.time >= 2 * LOOK_BACK - 1) this.errors.push(this.aare());
    if (this.time >= LOOK_BACK - 1) {
      this.train(this.values.subarray(1));
      this.acceptSpare();
      this.predicted.copyWithin(0, 1);
      this.predicted[LOOK_BACK] = this.forecast(this.model, this.values.subarray(1));
    }
    return { ready: false, anomalous: false, predicted: 0, aare: 0, threshold: 0 };
  }

  /** The model stands: it is asked again, and trained again only when it errs. */
  private judge(): LadVerdict {
    const before = this.values.subarray(0, LOOK_BACK);
    // The prediction for T = 7 was made in the warm-up.
    if (this.time > WARM_UP) this.predicted[LOOK_BACK] = this.forecast(this.model, before);
    this.errors.push(this.aare());
    const first = this.verdict();
    if (!first.anomalous || !this.train(before)) return this.settle(first);

    this.predicted[LOOK_BACK] = this.forecast(this.spare, before);
    if (this.options.legacyDoublePush) this.errors.push(this.aare());
    else this.errors.replaceLast(this.aare());
    return this.settle(this.verdict(), true);
  }

  /** The model erred at the last point: a new one is trained before it is asked. */
  private judgeAfresh(): LadVerdict {
    const before = this.values.subarray(0, LOOK_BACK);
    const trained = this.train(before);
    this.predicted[LOOK_BACK] = trained ? this.forecast(this.spare, before) : this.forecast(this.model, before);
    this.errors.push(this.aare());
    return this.settle(this.verdict(), trained);
  }

  /** A new model is kept where it predicts well; after an anomaly the next point begins with a new one. */
  private settle(verdict: LadVerdict, trained = false): LadVerdict {
    if (!verdict.anomalous && trained) this.acceptSpare();
    this.trusted = !verdict.anomalous;
    return verdict;
  }

  private verdict(): LadVerdict {
    const aare = this.aare();
    const threshold = this.errors.threshold();
    return { ready: true, anomalous: aare > threshold, predicted: this.predicted[LOOK_BACK]!, aare, threshold };
  }

  private aare(): number {
    return averageAbsoluteRelativeError(this.values.subarray(1), this.predicted.subarray(1), this.options.floor);
  }

  /**
   * Trains the spare model on three values; false when the budget is spent. The paper leaves open what is input and what
   * is target: here each value's target is the next one inside the window.
   */
  private train(window: Float64Array): boolean {
    if (this.trainings < 1) return false;
    this.trainings--;
    this.trained = true;
    this.scale(window);
    this.spare.initialise(this.random);
    const { epochs, learningRate } = this.options;
    const training = { epochs, learningRate, enough: 1e-5 };
    if (this.options.inputs === 'positions') this.spare.train(POSITIONS.subarray(0, LOOK_BACK), this.scaled, training);
    else this.spare.train(this.scaled.subarray(0, LOOK_BACK - 1), this.scaled.subarray(1), training);
    return true;
  }

  /**
   * What follows three values, which are scaled by themselves: a model that is kept while the series moves on must not
   * be asked outside the range that it has learnt.
   */
  private forecast(model: Lstm, window: Float64Array): number {
    const { low, range } = this.scale(window);
    const inputs = this.options.inputs === 'positions' ? POSITIONS : this.scaled;
    return model.predict(inputs) * range + low;
  }

  /** Three values to [0, 1] by their own range; equal ones have range 1. */
  private scale(window: Float64Array): { low: number; range: number } {
    const low = Math.min(window[0]!, window[1]!, window[2]!);
    const high = Math.max(window[0]!, window[1]!, window[2]!);
    const range = high > low ? high - low : 1;
    for (let i = 0; i < LOOK_BACK; i++) this.scaled[i] = (window[i]! - low) / range;
    return { low, range };
  }

  private acceptSpare(): void {
    [this.model, this.spare] = [this.spare, this.model];
  }

  save(to: StateWriter): void {
    this.model.save(to);
    this.random.save(to);
    this.errors.save(to);
    for (const part of [this.values, this.predicted]) to.array(part);
    for (const number of [Number(this.trusted), this.time, this.trainings]) to.number(number);
  }

  load(from: StateReader): void {
    this.model.load(from);
    this.random.load(from);
    this.errors.load(from);
    for (const part of [this.values, this.predicted]) from.array(part);
    this.trusted = from.number() === 1;
    this.time = from.number();
    this.trainings = from.number();
  }
}
