import { Frequency, type ContextWindow } from '@app/series';
import { nodeWindows } from './node-windows.js';

const HOUR = 3_600_000;
const END = Date.UTC(2026, 0, 8);
const NO = Number.NaN;

const window = (target: number[], overrides: Partial<ContextWindow> = {}): ContextWindow => ({
  itemId: 'm1',
  channel: 'load',
  freq: Frequency.parse('PT1H')!,
  timeZone: 'UTC',
  season: 1,
  cutoff: END,
  target: Float64Array.from(target),
  ...overrides,
});
const other = (target: number[], overrides: Partial<ContextWindow> = {}) =>
  window(target, { itemId: 'm2', ...overrides });
const PAIR = { leaves: 2, aggregates: [[0, 1]] };
const targets = (windows: ContextWindow[]) => windows.map(({ target }) => [...target]);

describe('nodeWindows', () => {
  it('sums up where all have a value', () => {
    const windows = nodeWindows([window([9, 1, 2, NO, 4]), other([10, NO, 30, 40])], PAIR, 3);

    expect(targets(windows)).toEqual([
      [11, NO, NO, 44],
      [9, 1, 2, NO, 4],
      [10, NO, 30, 40],
    ]);
    expect(new Set(windows.map(({ itemId }) => itemId)).size).toBe(3);
  });

  it('cuts those that are ahead to the newest time that all have', () => {
    const windows = nodeWindows([window([1, 2, 3, 4]), other([10, 20], { cutoff: END - 2 * HOUR })], PAIR, 3);

    expect(targets(windows)).toEqual([
      [11, 22],
      [1, 2],
      [10, 20],
    ]);
    expect(windows.map(({ cutoff }) => cutoff)).toEqual(Array(3).fill(END - 2 * HOUR));
  });

  it.each([
    [{ freq: Frequency.parse('PT2H')! }, 3, /m2\/load has points every PT2H, series m1\/load PT1H; declare one freq/],
    [
      { timeZone: 'Europe/Berlin' },
      3,
      /m2\/load has the zone Europe\/Berlin, series m1\/load UTC; declare one time_zone/,
    ],
    [{ cutoff: END + HOUR / 2 }, 3, /m2\/load has points at .*T00:30.*; all must lie on one grid/],
    [{ cutoff: END - 3 * HOUR }, 3, /m2\/load has no point after 2026-01-07T21.*a horizon of 3 from there/],
    [{ cutoff: END + 2 * HOUR }, 5, /m2\/load has its points about .* they have no time in common/],
  ])('refuses one with %j', (overrides, horizon, message) => {
    const refused = () => nodeWindows([window([1, 2, 3, 4]), other([10, 20], overrides)], PAIR, horizon);

    expect(refused).toThrow(message);
    expect(refused).toThrow(expect.objectContaining({ code: 'HIERARCHY_INVALID' }));
  });

  it('refuses a sum of which no value is known', () => {
    expect(() => nodeWindows([window([1, NO, 1]), other([NO, 1, NO])], PAIR, 3)).toThrow(
      /m1\/load, m2\/load never have a value at the same time/,
    );
  });
});
