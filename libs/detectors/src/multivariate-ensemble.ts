import { ChannelScaler } from './channel-scaler.js';
import type { PointStatus } from './detector.js';
import { fuse } from './fusion.js';
import { Neighbours } from './neighbours.js';
import type { StateReader, StateWriter } from './state.js';
import { notShown, StreamingDetector, type Finding } from './streaming-detector.js';
import { StreamingPca } from './streaming-pca.js';
import { Tail } from './tail.js';
import type { EnsembleOptions } from './univariate-ensemble.js';

const MEMORY = 6_400;
/** Most directions that count as normal; with few channels a third of them. */
const MOST_COMPONENTS = 10;
const LEAST_POINTS = 7;
/** Deviations that are nothing special, and those at which one channel alone is severe. */
const USUAL = 3;
const SEVERE = 10;

const VOTERS = ['row', 'relation', 'extreme', 'total'] as const;

/** A finding that tells the channels apart. */
export interface MultivariateFinding extends Finding {
  /** How far each channel lies from its own level, in its own deviations, signed. */
  readonly distances: Float64Array;
}

/**
 * The default detector of an item of several channels: each on its own scale, and four views of the row (nearest past
 * rows, relations between channels, the farthest channel, all channels together), each turned into the surprise of its rank
 * among its own past, and fused as in the detector of one channel.
 *
 * The severity smooths the deviations beyond three, summed over the channels: ranks say when something begins, and wear
 * off; distances say how bad it is, and for how long.
 */
export class MultivariateEnsemble extends StreamingDetector<MultivariateFinding> {
  private readonly scaler: ChannelScaler;
  private readonly neighbours: Neighbours;
  private readonly pca: StreamingPca;
  private readonly tails: readonly Tail[];
  private readonly scaled: Float64Array;
  private readonly surprises = new Float64Array(VOTERS.length);
  private count = 0;

  constructor(channels: number, options: EnsembleOptions) {
    super(`multivariate-ensemble/2/${options.seed}`, channels, options);
    const { seed } = options;
    const components = Math.max(1, Math.min(MOST_COMPONENTS, Math.floor(channels / 3)));
    this.scaler = new ChannelScaler(channels);
    this.neighbours = new Neighbours({ width: channels, capacity: 512, rank: 3, horizon: MEMORY, seed });
    this.pca = new StreamingPca({ width: channels, components });
    this.tails = VOTERS.map((_, i) => new Tail(MEMORY, seed + i));
    this.scaled = new Float64Array(channels);
  }

  protected find(_ts: number, values: Float64Array): MultivariateFinding {
    this.scaler.update(values, this.scaled);
    const before = Math.min(this.count, MEMORY);
    this.count++;
    let extreme = 0;
    let total = 0;
    let excess = 0;
    for (let i = 0; i < this.channels; i++) {
      const distance = Math.abs(this.scaled[i]!);
      if (distance > extreme) extreme = distance;
      total += distance;
      excess += Math.max(0, distance - USUAL);
    }
    const votes = {
      row: this.surprise(0, this.neighbours.update(this.scaled)),
      relation: this.surprise(1, this.pca.update(this.scaled)),
      extreme: this.surprise(2, extreme),
      total: this.surprise(3, total),
    };
    const distances = this.scaled.slice();
    if (this.count <= LEAST_POINTS) return { ...notShown('warming-up'), intensity: 0, votes, distances };
    const intensity = excess / (SEVERE - USUAL);
    return { status: 'scored', strangeness: fuse(this.surprises, before), intensity, votes, distances };
  }

  private surprise(voter: number, score: number): number {
    return (this.surprises[voter] = this.tails[voter]!.surprise(score));
  }

  protected nothing(status: PointStatus): MultivariateFinding {
    return { ...notShown(status), distances: new Float64Array(this.channels) };
  }

  protected saveParts(to: StateWriter): void {
    to.number(this.count);
    for (const part of this.parts()) part.save(to);
  }

  protected loadParts(from: StateReader): void {
    this.count = from.number();
    for (const part of this.parts()) part.load(from);
  }

  private parts() {
    return [this.scaler, this.neighbours, this.pca, ...this.tails];
  }
}
