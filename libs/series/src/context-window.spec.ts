import { regularise } from './context-window.js';
import { Frequency } from './frequency.js';

const HOUR = 3_600_000;
const hourly = Frequency.parse('PT1H')!;
const hours = (...at: number[]) => at.map((hour) => hour * HOUR);

describe('regularise', () => {
  it('masks gaps instead of inventing points', () => {
    const window = regularise({ timestamps: hours(1, 2, 5), values: [10, 20, 50] }, hourly, 'UTC', 8);

    expect([...window.target]).toEqual([10, 20, Number.NaN, Number.NaN, 50]);
    expect(window.cutoff).toBe(5 * HOUR);
  });

  it('keeps the last contextLength slots', () => {
    const window = regularise({ timestamps: hours(1, 2, 3, 4), values: [1, 2, 3, 4] }, hourly, 'UTC', 2);

    expect([...window.target]).toEqual([3, 4]);
  });

  it('lets the later of two points in a slot win', () => {
    const timestamps = [HOUR, 2 * HOUR, 2 * HOUR + 60_000];
    const window = regularise({ timestamps, values: [1, 2, 3] }, hourly, 'UTC', 4);

    expect([...window.target]).toEqual([1, 3]);
  });

  it('gives one value for one point', () => {
    expect([...regularise({ timestamps: [7], values: [1] }, hourly, 'UTC', 512).target]).toEqual([1]);
  });

  it('puts a year of local midnights on a grid without a hole or a double', () => {
    const daily = Frequency.parse('P1D')!;
    const start = Date.parse('2025-12-31T23:00Z');
    const timestamps = Array.from({ length: 365 }, (_, day) => daily.addTo(start, day, 'Europe/Berlin'));
    const values = timestamps.map((_, day) => day);

    for (const zone of ['Europe/Berlin', 'UTC']) {
      expect([...regularise({ timestamps, values }, daily, zone, 512).target]).toEqual(values);
    }
  });

  it('leaves out points older than the window even when a long silence lies between', () => {
    const window = regularise({ timestamps: hours(0, 1, 1_000), values: [1, 2, 3] }, hourly, 'UTC', 4);

    expect([...window.target]).toEqual([3]);
  });

  it('refuses to work without a point', () => {
    expect(() => regularise({ timestamps: [], values: [] }, hourly, 'UTC', 4)).toThrow(RangeError);
  });
});
