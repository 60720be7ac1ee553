import { Lstm } from './lstm.js';
import { Random } from './random.js';

const inputs = Float64Array.of(0.1, 0.9, 0.4);
const targets = Float64Array.of(0.9, 0.4, 0.7);

describe('Lstm', () => {
  it('has the gradient of central differences', () => {
    const lstm = new Lstm(4);
    lstm.initialise(new Random(1));
    lstm.lossGradient(inputs, targets);
    const gradient = lstm.gradients.slice();

    gradient.forEach((slope, i) => {
      const [at, step] = [lstm.parameters[i]!, 1e-6];
      const lossAt = (value: number) => {
        lstm.parameters[i] = value;
        return lstm.lossGradient(inputs, targets);
      };
      const difference = (lossAt(at + step) - lossAt(at - step)) / (2 * step);
      lstm.parameters[i] = at;
      expect(slope).toBeCloseTo(difference, 7);
    });
  });

  it('gives the output of the equations of one step', () => {
    const lstm = new Lstm(1);
    // Per gate: input weight, recurrent weight, bias; then output weight and bias.
    lstm.parameters.set([1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0, 2, 0.5]);
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    const cell = sigmoid(0.3) * Math.tanh(0.9);

    expect(lstm.predict(Float64Array.of(0.3))).toBeCloseTo(2 * sigmoid(1.2) * Math.tanh(cell) + 0.5, 12);
  });

  it('learns three points', () => {
    const lstm = new Lstm(10);
    lstm.initialise(new Random(140));
    const training = { epochs: 1000, learningRate: 0.02, enough: 1e-5 };

    expect(lstm.train(inputs, targets, training)).toBeLessThan(1000);
    expect(lstm.predict(inputs)).toBeCloseTo(0.7, 2);
  });
});
