/** Looked up once, as a test's global object is slow to ask. */
const { max, sqrt } = Math;
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** Adam (Kingma & Ba 2015) in its AMSGrad form (Reddi et al. 2018) over one array of parameters. */
export class Adam {
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  readonly #largest: Float64Array;
  #steps = 0;

  constructor(
    private readonly parameters: Float64Array,
    private readonly learningRate: number,
  ) {
    this.#first = new Float64Array(parameters.length);
    this.#second = new Float64Array(parameters.length);
    this.#largest = new Float64Array(parameters.length);
  }

  /** Moves the parameters, in place, one step against the gradient. */
  step(gradient: Float64Array): void {
    this.#steps++;
    const rate = this.learningRate / (1 - BETA1 ** this.#steps);
    const correction = 1 - BETA2 ** this.#steps;
    for (let i = 0; i < gradient.length; i++) {
      const slope = gradient[i]!;
      this.#first[i] = BETA1 * this.#first[i]! + (1 - BETA1) * slope;
      this.#second[i] = BETA2 * this.#second[i]! + (1 - BETA2) * slope * slope;
      this.#largest[i] = max(this.#largest[i]!, this.#second[i]!);
      this.parameters[i]! -= (rate * this.#first[i]!) / (sqrt(this.#largest[i]! / correction) + EPSILON);
    }
  }
}
