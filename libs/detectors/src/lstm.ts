import type { Random } from './random.js';
import type { StateReader, StateWriter, Stateful } from './state.js';

export interface LstmTraining {
  readonly epochs: number;
  readonly learningRate: number;
  /** Training ends when the mean squared error is below this: the window is learnt. */
  readonly enough: number;
}

/** Looked up once: the training loops do little else, and a test's global object is slow to ask. */
const { exp, sqrt, tanh } = Math;

/** Adam's usual constants (Kingma & Ba 2015). */
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/**
 * One LSTM layer (Hochreiter & Schmidhuber 1997, with forget gates) from one input to `hidden` units, and a linear
 * output: the network of RePAD. Made for windows of a few points: after an input it gives the next value.
 *
 * Parameters lie in one array: for each of the gates i, f, g, o and each unit its input weight, `hidden` recurrent
 * weights and bias; then the output weights and bias.
 */
export class Lstm implements Stateful {
  readonly parameters: Float64Array;
  private readonly row: number;
  private readonly gradient: Float64Array;
  private readonly moment1: Float64Array;
  private readonly moment2: Float64Array;
  /** Per step: i, f, g, o (4·hidden), c, h. */
  private readonly gates: Float64Array[] = [];
  private readonly cells: Float64Array[] = [];
  private readonly states: Float64Array[] = [];
  private readonly zero: Float64Array;

  constructor(private readonly hidden: number) {
    this.row = hidden + 2;
    this.parameters = new Float64Array(4 * hidden * this.row + hidden + 1);
    this.gradient = new Float64Array(this.parameters.length);
    this.moment1 = new Float64Array(this.parameters.length);
    this.moment2 = new Float64Array(this.parameters.length);
    this.zero = new Float64Array(hidden);
  }

  /** Uniform weights of ±1/√hidden, forget biases of 1 (Jozefowicz et al. 2015), the others 0. */
  initialise(random: Random): void {
    const { hidden, row, parameters } = this;
    const limit = 1 / sqrt(hidden);
    for (let i = 0; i < parameters.length; i++) parameters[i] = limit * (2 * random.next() - 1);
    for (let unit = 0; unit < 4 * hidden; unit++) {
      parameters[unit * row + row - 1] = unit >= hidden && unit < 2 * hidden ? 1 : 0;
    }
    parameters[parameters.length - 1] = 0;
  }

  /** The value after the last of `inputs`. */
  predict(inputs: Float64Array): number {
    for (let t = 0; t < inputs.length; t++) this.step(inputs[t]!, t);
    return this.output(inputs.length - 1);
  }

  /** Learns that target[t] follows input[t]; returns how many epochs it took. */
  train(inputs: Float64Array, targets: Float64Array, { epochs, learningRate, enough }: LstmTraining): number {
    const { parameters, gradient, moment1, moment2 } = this;
    moment1.fill(0);
    moment2.fill(0);
    for (let epoch = 1; epoch <= epochs; epoch++) {
      if (this.lossGradient(inputs, targets) < enough) return epoch;
      const rate = (learningRate * sqrt(1 - BETA2 ** epoch)) / (1 - BETA1 ** epoch);
      for (let i = 0; i < parameters.length; i++) {
        const slope = gradient[i]!;
        moment1[i] = BETA1 * moment1[i]! + (1 - BETA1) * slope;
        moment2[i] = BETA2 * moment2[i]! + (1 - BETA2) * slope * slope;
        parameters[i]! -= (rate * moment1[i]!) / (sqrt(moment2[i]!) + EPSILON);
      }
    }
    return epochs;
  }

  /** The mean squared error, and its gradient by backpropagation through time, for `train` and its check. */
  lossGradient(inputs: Float64Array, targets: Float64Array): number {
    const { hidden, row, parameters, gradient } = this;
    const steps = inputs.length;
    const outputAt = 4 * hidden * row;
    let loss = 0;
    for (let t = 0; t < steps; t++) this.step(inputs[t]!, t);
    gradient.fill(0);
    const stateSlope = new Float64Array(hidden);
    const cellSlope = new Float64Array(hidden);
    const gateSlope = new Float64Array(4 * hidden);

    for (let t = steps - 1; t >= 0; t--) {
      const error = this.output(t) - targets[t]!;
      loss += (error * error) / steps;
      const slope = (2 * error) / steps;
      const state = this.states[t]!;
      for (let j = 0; j < hidden; j++) {
        gradient[outputAt + j]! += slope * state[j]!;
        stateSlope[j]! += slope * parameters[outputAt + j]!;
      }
      gradient[outputAt + hidden]! += slope;
      this.gateSlopes(t, stateSlope, cellSlope, gateSlope);
      this.backStep(t, inputs[t]!, gateSlope, stateSlope);
    }
    return loss;
  }

  get gradients(): Float64Array {
    return this.gradient;
  }

  private step(input: number, t: number): void {
    const { hidden, row, parameters } = this;
    const gates = (this.gates[t] ??= new Float64Array(4 * hidden));
    const cell = (this.cells[t] ??= new Float64Array(hidden));
    const state = (this.states[t] ??= new Float64Array(hidden));
    const before = t === 0 ? this.zero : this.states[t - 1]!;
    const cellBefore = t === 0 ? this.zero : this.cells[t - 1]!;
    for (let unit = 0; unit < 4 * hidden; unit++) {
      const at = unit * row;
      let sum = parameters[at]! * input + parameters[at + row - 1]!;
      for (let j = 0; j < hidden; j++) sum += parameters[at + 1 + j]! * before[j]!;
      const isCandidate = unit >= 2 * hidden && unit < 3 * hidden;
      gates[unit] = isCandidate ? tanh(sum) : 1 / (1 + exp(-sum));
    }
    for (let j = 0; j < hidden; j++) {
      cell[j] = gates[hidden + j]! * cellBefore[j]! + gates[j]! * gates[2 * hidden + j]!;
      state[j] = gates[3 * hidden + j]! * tanh(cell[j]!);
    }
  }

  private output(t: number): number {
    const { hidden, row, parameters } = this;
    const outputAt = 4 * hidden * row;
    let sum = parameters[outputAt + hidden]!;
    for (let j = 0; j < hidden; j++) sum += parameters[outputAt + j]! * this.states[t]![j]!;
    return sum;
  }

  /** Slopes at the gates' inputs; `cellSlope` becomes that of the step before. */
  private gateSlopes(t: number, stateSlope: Float64Array, cellSlope: Float64Array, into: Float64Array): void {
    const { hidden } = this;
    const gates = this.gates[t]!;
    const cellBefore = t === 0 ? this.zero : this.cells[t - 1]!;
    for (let j = 0; j < hidden; j++) {
      const [i, f, g, o] = [gates[j]!, gates[hidden + j]!, gates[2 * hidden + j]!, gates[3 * hidden + j]!];
      const bent = tanh(this.cells[t]![j]!);
      const slope = cellSlope[j]! + stateSlope[j]! * o * (1 - bent * bent);
      into[j] = slope * g * i * (1 - i);
      into[hidden + j] = slope * cellBefore[j]! * f * (1 - f);
      into[2 * hidden + j] = slope * i * (1 - g * g);
      into[3 * hidden + j] = stateSlope[j]! * bent * o * (1 - o);
      cellSlope[j] = slope * f;
    }
  }

  /** Adds the weights' gradient of one step; `stateSlope` becomes that of the step before. */
  private backStep(t: number, input: number, gateSlope: Float64Array, stateSlope: Float64Array): void {
    const { hidden, row, parameters, gradient } = this;
    const before = t === 0 ? this.zero : this.states[t - 1]!;
    stateSlope.fill(0);
    for (let unit = 0; unit < 4 * hidden; unit++) {
      const at = unit * row;
      const slope = gateSlope[unit]!;
      gradient[at]! += slope * input;
      gradient[at + row - 1]! += slope;
      for (let j = 0; j < hidden; j++) {
        gradient[at + 1 + j]! += slope * before[j]!;
        stateSlope[j]! += slope * parameters[at + 1 + j]!;
      }
    }
  }

  save(to: StateWriter): void {
    to.array(this.parameters);
  }

  load(from: StateReader): void {
    from.array(this.parameters);
  }
}
