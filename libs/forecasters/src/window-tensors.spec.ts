import { Frequency } from '@app/series';
import { aWindow, series } from './fixtures/series.js';
import { restore, seasonCandidates, standardise } from './window-tensors.js';

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

describe('standardise', () => {
  it('standardises by the observed values, masks gaps and pads on the left', () => {
    expect(standardise([Float64Array.of(1, gap, 3)], 5)).toEqual({
      values: Float32Array.of(0, 0, -1, 0, 1),
      mask: Float32Array.of(0, 0, 1, 0, 1),
      scalers: [{ loc: 2, scale: 1 }],
    });
  });

  it('looks at the last points only', () => {
    const { values, scalers } = standardise([Float64Array.of(1e9, 4, 8)], 2);
    expect(scalers).toEqual([{ loc: 6, scale: 2 }]);
    expect(values).toEqual(Float32Array.of(-1, 1));
  });

  it('takes loc and scale from before where the last points are all missing', () => {
    const { mask, scalers } = standardise([Float64Array.of(4, 8, gap, gap)], 2);
    expect(scalers).toEqual([{ loc: 6, scale: 2 }]);
    expect(mask).toEqual(Float32Array.of(0, 0));
  });

  it('keeps contexts apart, and an empty one all padding', () => {
    const { values, mask } = standardise([Float64Array.of(5), Float64Array.of(), Float64Array.of(0, 2)], 2);
    expect(values).toEqual(Float32Array.of(0, 0, 0, 0, -1, 1));
    expect(mask).toEqual(Float32Array.of(0, 1, 0, 0, 1, 1));
  });

  it('resolves the last digits of a counter near 1e12', () => {
    const { values, scalers } = standardise([series(512, (t) => 1e12 + t)], 512);
    const back = Array.from(values, (z) => scalers[0]!.loc + scalers[0]!.scale * z);
    // float32 only holds the distance from the mean: seven digits of 512.
    back.forEach((value, t) => expect(Math.abs(value - 1e12 - t)).toBeLessThan(1));
  });
});

describe('restore', () => {
  it('brings each row back into its units', () => {
    const scalers = [
      { loc: 10, scale: 2 },
      { loc: -1, scale: 0.5 },
    ];
    const rows = restore(Float32Array.of(-1, 0, 1, 0, 1, 2, -2, 0, 2, 0, 0, 0), scalers, 3);
    expect(rows).toEqual([Float64Array.of(8, 10, 12, 10, 12, 14), Float64Array.of(-2, -1, 0, -1, -1, -1)]);
  });

  it('sorts what crosses', () => {
    expect(restore(Float32Array.of(2, 1, 3), [{ loc: 0, scale: 1 }], 3)).toEqual([Float64Array.of(1, 2, 3)]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('gives nothing for a value of %p', (value) => {
    expect(restore(Float32Array.of(0, value, 0), [{ loc: 0, scale: 1 }], 3)).toBeUndefined();
  });
});
