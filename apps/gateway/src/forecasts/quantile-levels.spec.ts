import { CANONICAL_LEVELS } from '@app/series';
import { levelsOf } from './quantile-levels.js';

describe('levelsOf', () => {
  it('is what forecasts are stored at when nothing is asked for', () => {
    expect(levelsOf({})).toEqual(CANONICAL_LEVELS);
  });

  it('sorts levels and takes each once', () => {
    expect(levelsOf({ levels: [0.9, 0.1, 0.5, 0.1] })).toEqual([0.1, 0.5, 0.9]);
  });

  it.each([
    [0.8, [0.1, 0.9]],
    [0.95, [0.025, 0.975]],
    [
      [0.5, 0.8, 0.5],
      [0.1, 0.25, 0.75, 0.9],
    ],
    [0.999, [0.0005, 0.9995]],
  ])('bounds a coverage of %j by %j', (coverage, levels) => {
    expect(levelsOf({ coverage })).toEqual(levels);
  });

  it.each([
    [{ levels: [0] }, /level 0 /],
    [{ levels: [0.5, 1] }, /level 1 /],
    [{ levels: [-0.1] }, /level -0.1 /],
    [{ levels: [] }, /0 levels/],
    [{ levels: Array.from({ length: 100 }, (_, n) => (n + 1) / 102) }, /100 levels/],
    [{ coverage: 80 }, /coverage 80 /],
    [{ coverage: 1 }, /coverage 1 /],
    [{ coverage: [0.8, 0] }, /coverage 0 /],
    [{ levels: [0.1], coverage: 0.8 }, /both/],
  ])('refuses %j by the number that is wrong', (wanted, message) => {
    expect(() => levelsOf(wanted)).toThrow(expect.objectContaining({ code: 'LEVELS_INVALID' }));
    expect(() => levelsOf(wanted)).toThrow(message);
  });
});
