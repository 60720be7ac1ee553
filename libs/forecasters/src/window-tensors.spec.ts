import { Frequency } from '@app/series';
import { aWindow, series } from './fixtures/series.js';
import { fromBatch, seasonCandidates, toBatch } from './window-tensors.js';

const gap = Number.NaN;
const none = [0, 0, 0, 0];

describe('seasonCandidates', () => {
  const window = (freq: string, season: number) => aWindow([1], { freq: Frequency.parse(freq)!, season });

  it('are those of the spacing, padded with 0', () => {
    expect(seasonCandidates(window('PT1H', 1))).toEqual([24, 168, 0, 0]);
    expect(seasonCandidates(window('P1M', 12))).toEqual([12, 0, 0, 0]);
    expect(seasonCandidates(window('PT7S', 1))).toEqual(none);
  });

  it('begin with a season of its own, and have it once', () => {
    expect(seasonCandidates(window('PT1H', 8))).toEqual([8, 24, 168, 0]);
    expect(seasonCandidates(window('PT1H', 168))).toEqual([24, 168, 0, 0]);
  });

  it('pass over a season that is longer than the network can see', () => {
    expect(seasonCandidates(window('PT1H', 400))).toEqual([24, 168, 0, 0]);
  });
});

describe('toBatch', () => {
  it('standardises by the observed values, masks gaps and pads on the left', () => {
    const { inputs, scalers } = toBatch([{ target: Float64Array.of(1, gap, 3), candidates: [24, 0, 0, 0] }], 5);
    expect(scalers).toEqual([{ loc: 2, scale: 1 }]);
    expect(inputs.past_values).toEqual({ dtype: 'float32', dims: [1, 5], data: Float32Array.of(0, 0, -1, 0, 1) });
    expect(inputs.past_observed_mask!.data).toEqual(Float32Array.of(0, 0, 1, 0, 1));
    expect(inputs.season_candidates).toEqual({ dtype: 'int64', dims: [1, 4], data: BigInt64Array.of(24n, 0n, 0n, 0n) });
  });

  it('looks at the last points only', () => {
    const long = { target: Float64Array.of(1e9, 4, 8), candidates: none };
    const { inputs, scalers } = toBatch([long], 2);
    expect(scalers).toEqual([{ loc: 6, scale: 2 }]);
    expect(inputs.past_values!.data).toEqual(Float32Array.of(-1, 1));
  });

  it('keeps rows apart', () => {
    const rows = [
      { target: Float64Array.of(5), candidates: [7, 0, 0, 0] },
      { target: Float64Array.of(0, 2), candidates: [24, 168, 0, 0] },
    ];
    const { inputs } = toBatch(rows, 2);
    expect(inputs.past_values!.data).toEqual(Float32Array.of(0, 0, -1, 1));
    expect(inputs.past_observed_mask!.data).toEqual(Float32Array.of(0, 1, 1, 1));
    expect(inputs.season_candidates!.data).toEqual(BigInt64Array.of(7n, 0n, 0n, 0n, 24n, 168n, 0n, 0n));
  });

  it('resolves the last digits of a counter near 1e12', () => {
    const { inputs, scalers } = toBatch([{ target: series(512, (t) => 1e12 + t), candidates: none }], 512);
    const back = Array.from(inputs.past_values!.data, Number).map((z) => scalers[0]!.loc + scalers[0]!.scale * z);
    // float32 only holds the distance from the mean: seven digits of 512.
    back.forEach((value, t) => expect(Math.abs(value - 1e12 - t)).toBeLessThan(1));
  });
});

describe('fromBatch', () => {
  it('brings each row back into its units', () => {
    const scalers = [
      { loc: 10, scale: 2 },
      { loc: -1, scale: 0.5 },
    ];
    const rows = fromBatch(Float32Array.of(-1, 0, 1, 0, 1, 2, -2, 0, 2, 0, 0, 0), scalers, 3);
    expect(rows).toEqual([Float64Array.of(8, 10, 12, 10, 12, 14), Float64Array.of(-2, -1, 0, -1, -1, -1)]);
  });

  it('sorts what crosses', () => {
    expect(fromBatch(Float32Array.of(2, 1, 3), [{ loc: 0, scale: 1 }], 3)).toEqual([Float64Array.of(1, 2, 3)]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('gives nothing for a value of %p', (value) => {
    expect(fromBatch(Float32Array.of(0, value, 0), [{ loc: 0, scale: 1 }], 3)).toBeUndefined();
  });
});
