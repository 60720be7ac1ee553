import type { StateReader, StateWriter, Stateful } from './state.js';

export interface StreamingPcaOptions {
  /** Values a point has. */
  readonly width: number;
  /** Principal directions that count as normal. */
  readonly components: number;
  /** Weight of a new point once 1/n has fallen below it. */
  readonly rate?: number;
}

/** Points from one look for the principal directions to the next. */
const EVERY = 50;
/** Steps of the power iteration; it goes on from the directions of last time. */
const STEPS = 8;

/**
 * Norm of what the principal directions of the past do not explain of a point (the Q statistic, Jackson & Mudholkar
 * 1979), with mean and covariance exponentially weighted and the directions found by power iteration with deflation.
 */
export class StreamingPca implements Stateful {
  private readonly mean: Float64Array;
  private readonly covariance: Float64Array;
  private readonly directions: Float64Array;
  private readonly centred: Float64Array;
  private readonly rate: number;
  private count = 0;

  constructor(private readonly options: StreamingPcaOptions) {
    const { width, components } = options;
    this.mean = new Float64Array(width);
    this.covariance = new Float64Array(width * width);
    // Any start that is not orthogonal to what is sought will do; cosines are the same on every machine.
    this.directions = Float64Array.from({ length: width * components }, (_, i) =>
      Math.cos(((i % width) + 1) * (Math.floor(i / width) + 1)),
    );
    this.centred = new Float64Array(width);
    this.rate = options.rate ?? 0.0005;
  }

  /** The residual of a point; then the point is learnt. 0 before the first 50 points. */
  update(point: Float64Array): number {
    const residual = this.count >= EVERY ? this.residual(point) : 0;
    this.learn(point);
    if (this.count % EVERY === 0) this.findDirections();
    return residual;
  }

  private residual(point: Float64Array): number {
    const { centred, mean, directions } = this;
    const { width, components } = this.options;
    for (let i = 0; i < width; i++) centred[i] = point[i]! - mean[i]!;
    for (let k = 0; k < components; k++) {
      let along = 0;
      for (let i = 0; i < width; i++) along += directions[k * width + i]! * centred[i]!;
      for (let i = 0; i < width; i++) centred[i]! -= along * directions[k * width + i]!;
    }
    let square = 0;
    for (let i = 0; i < width; i++) square += centred[i]! * centred[i]!;
    return Math.sqrt(square);
  }

  private learn(point: Float64Array): void {
    const { centred, mean, covariance } = this;
    const { width } = this.options;
    this.count++;
    const rate = Math.max(1 / this.count, this.rate);
    for (let i = 0; i < width; i++) {
      centred[i] = point[i]! - mean[i]!;
      mean[i]! += rate * centred[i]!;
    }
    // S ← (1 − a)(S + a·d·dᵀ), the lower triangle only (West 1979).
    for (let i = 0; i < width; i++) {
      const scaled = rate * centred[i]!;
      for (let j = 0; j <= i; j++) {
        covariance[i * width + j] = (1 - rate) * (covariance[i * width + j]! + scaled * centred[j]!);
      }
    }
  }

  private findDirections(): void {
    const { directions } = this;
    const { width, components } = this.options;
    const matrix = this.scaledCovariance();
    const image = new Float64Array(width);
    for (let k = 0; k < components; k++) {
      const direction = directions.subarray(k * width, (k + 1) * width);
      for (let step = 0; step < STEPS; step++) {
        multiply(matrix, direction, image);
        const norm = Math.sqrt(image.reduce((sum, x) => sum + x * x, 0));
        // Nothing is left to explain: the direction stays what it was.
        if (!(norm > 1e-12)) break;
        for (let i = 0; i < width; i++) direction[i] = image[i]! / norm;
      }
      multiply(matrix, direction, image);
      const value = direction.reduce((sum, x, i) => sum + x * image[i]!, 0);
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < width; j++) matrix[i * width + j]! -= value * direction[i]! * direction[j]!;
      }
    }
  }

  /** The whole covariance with its largest entry 1, so that no square of it overflows or vanishes. */
  private scaledCovariance(): Float64Array {
    const { width } = this.options;
    let largest = 0;
    for (let i = 0; i < width; i++) largest = Math.max(largest, this.covariance[i * width + i]!);
    const scale = largest > 0 ? 1 / largest : 0;
    return Float64Array.from({ length: width * width }, (_, at) => {
      const [i, j] = [Math.floor(at / width), at % width];
      return this.covariance[Math.max(i, j) * width + Math.min(i, j)]! * scale;
    });
  }

  save(to: StateWriter): void {
    to.number(this.count);
    to.array(this.mean);
    to.array(this.covariance);
    to.array(this.directions);
  }

  load(from: StateReader): void {
    this.count = from.number();
    from.array(this.mean);
    from.array(this.covariance);
    from.array(this.directions);
  }
}

function multiply(matrix: Float64Array, vector: Float64Array, into: Float64Array): void {
  const width = vector.length;
  for (let i = 0; i < width; i++) {
    let sum = 0;
    for (let j = 0; j < width; j++) sum += matrix[i * width + j]! * vector[j]!;
    into[i] = sum;
  }
}
