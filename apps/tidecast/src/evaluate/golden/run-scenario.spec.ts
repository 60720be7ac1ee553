import type { Tensors } from '@app/inference';

import type { ImportedPackage } from './imported-package.js';
import { runScenario } from './run-scenario.js';
import type { GoldenTensor, Scenario } from './scenarios.js';

describe('runScenario', () => {
  const tensor = (dims: number[], ...data: number[]): GoldenTensor => ({ dims, data: Float64Array.from(data) });
  const scenario = (inputs: Record<string, GoldenTensor>): Scenario => ({
    name: 'n',
    inputs,
    outputs: {},
    allowed: {},
  });

  /** A model with a context of four points that says what it was given. */
  const asked = async (inputs: Record<string, GoldenTensor>): Promise<Tensors> => {
    const window = { dtype: 'float32', shape: ['batch', 4, 'channels'] } as const;
    const model = {
      contextLength: 4,
      inputs: [
        { name: 'past_values', ...window },
        { name: 'past_observed_mask', ...window },
      ],
      run: (given: Tensors) => Promise.resolve(given),
    } as unknown as ImportedPackage;
    return runScenario(model, scenario(inputs));
  };
  const data = (tensors: Tensors, name: string) => Array.from(tensors[name]!.data, Number);

  it('keeps the last points of a long context', async () => {
    expect(data(await asked({ past_values: tensor([1, 6, 1], 1, 2, 3, 4, 5, 6) }), 'past_values')).toEqual([
      3, 4, 5, 6,
    ]);
  });

  it('pads a short context on the left, unobserved where there is a mask', async () => {
    const given = await asked({
      past_values: tensor([2, 3, 1], 1, 2, 3, 4, 5, 6),
      past_observed_mask: tensor([2, 3, 1], 1, 0, 1, 1, 1, 1),
    });
    expect(data(given, 'past_values')).toEqual([0, 1, 2, 3, 0, 4, 5, 6]);
    expect(data(given, 'past_observed_mask')).toEqual([0, 1, 0, 1, 0, 1, 1, 1]);
  });

  it('counts padding as observed where there is none', async () => {
    expect(data(await asked({ past_values: tensor([1, 2, 1], 1, 2) }), 'past_observed_mask')).toEqual([1, 1, 1, 1]);
  });
});
