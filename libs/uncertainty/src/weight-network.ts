import type { seededRandom } from './random.js';

/** Looked up once, as a test's global object is slow to ask. */
const { expm1 } = Math;

/**
 * A perceptron with ELU units from the features of a forecast to the logits of its weights. Parameters lie in one
 * array: for each layer its weights, output-major, and then its biases.
 */
export class WeightNetwork {
  readonly parameters: Float64Array;
  readonly #offsets: number[] = [];

  /** @param sizes features, hidden units of each layer, logits. */
  constructor(readonly sizes: readonly number[]) {
    let at = 0;
    for (let layer = 1; layer < sizes.length; layer++) {
      this.#offsets.push(at);
      at += sizes[layer]! * (sizes[layer - 1]! + 1);
    }
    this.parameters = new Float64Array(at);
  }

  /** Hidden layers as He et al. (2015) say; the last layer is zero, so that at first its biases alone speak. */
  initialise(random: ReturnType<typeof seededRandom>, logits: Float64Array): void {
    const { sizes, parameters } = this;
    const last = sizes.length - 1;
    for (let layer = 1; layer < last; layer++) {
      const limit = Math.sqrt(6 / sizes[layer - 1]!);
      const at = this.#offsets[layer - 1]!;
      for (let i = 0; i < sizes[layer]! * sizes[layer - 1]!; i++) parameters[at + i] = limit * (2 * random() - 1);
    }
    parameters.set(logits, this.#offsets[last - 1]! + sizes[last]! * sizes[last - 1]!);
  }

  /** Where the parameters of the last layer begin. */
  get lastLayer(): number {
    return this.#offsets.at(-1)!;
  }

  /** Activations of every layer, the features first and the logits last. */
  forward(features: Float64Array): Float64Array[] {
    const { sizes, parameters } = this;
    const layers = [features];
    for (let layer = 1; layer < sizes.length; layer++) {
      const [input, units] = [layers[layer - 1]!, sizes[layer]!];
      const at = this.#offsets[layer - 1]!;
      const output = new Float64Array(units);
      for (let unit = 0; unit < units; unit++) {
        let sum = parameters[at + units * input.length + unit]!;
        for (let i = 0; i < input.length; i++) sum += parameters[at + unit * input.length + i]! * input[i]!;
        output[unit] = layer === sizes.length - 1 || sum > 0 ? sum : expm1(sum);
      }
      layers.push(output);
    }
    return layers;
  }

  /** Adds to `gradient` the slope of the loss in each parameter, given its slope in each logit. */
  backward(layers: readonly Float64Array[], logitSlopes: Float64Array, gradient: Float64Array): void {
    const { sizes, parameters } = this;
    let slopes = logitSlopes;
    for (let layer = sizes.length - 1; layer > 0; layer--) {
      const [input, units] = [layers[layer - 1]!, sizes[layer]!];
      const at = this.#offsets[layer - 1]!;
      const below = new Float64Array(input.length);
      for (let unit = 0; unit < units; unit++) {
        const slope = slopes[unit]!;
        gradient[at + units * input.length + unit]! += slope;
        for (let i = 0; i < input.length; i++) {
          gradient[at + unit * input.length + i]! += slope * input[i]!;
          below[i]! += slope * parameters[at + unit * input.length + i]!;
        }
      }
      // ELU: the slope is 1 above zero, and its value plus one below.
      if (layer > 1) for (let i = 0; i < input.length; i++) if (input[i]! < 0) below[i]! *= input[i]! + 1;
      slopes = below;
    }
  }
}
