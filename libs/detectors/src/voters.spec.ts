import { ChannelScaler } from './channel-scaler.js';
import { fuse } from './fusion.js';
import { Drift, HourlyLevel } from './level.js';
import { Neighbours } from './neighbours.js';
import { Random } from './random.js';
import { StreamingPca } from './streaming-pca.js';

const HOUR = 3_600_000;

describe('Drift', () => {
  it('tells how far the mean of the last points is from the mean of what came before', () => {
    const drift = new Drift(10, 0.002);
    expect(drift.update(10)).toBe(0);
    expect(drift.update(10)).toBe(0);
    // The slow mean is 10 still; the mean of the last three is 13.
    expect(drift.update(19)).toBeCloseTo(3, 12);
  });

  it('keeps no rounding of a huge value once it has left', () => {
    const drift = new Drift(10, 0.002);
    for (let i = 0; i < 1000; i++) drift.update(1);
    drift.update(1e17);
    for (let i = 0; i < 12_000; i++) drift.update(1);

    expect(drift.update(1)).toBeLessThan(1e8);
  });
});

describe('HourlyLevel', () => {
  it('compares a value with the same hour of other days', () => {
    const day = new HourlyLevel(24, 0.01);
    for (let i = 0; i < 240; i++) day.update(i * HOUR, i % 24);

    expect(day.update(240 * HOUR, 0)).toBe(0);
    expect(day.update(241 * HOUR, 11)).toBeCloseTo(10, 12);
  });

  it('tells the days of the week apart', () => {
    const week = new HourlyLevel(168, 0.05);
    for (let i = 0; i < 1680; i++) week.update(i * HOUR, Math.floor(i / 24) % 7);

    expect(week.update(1680 * HOUR, 0)).toBe(0);
    expect(week.update(1704 * HOUR, 5)).toBeCloseTo(4, 12);
  });

  it('takes times before 1970', () => {
    const day = new HourlyLevel(24, 0.01);
    day.update(-24 * HOUR, 5);

    expect(day.update(-48 * HOUR, 8)).toBe(3);
  });
});

describe('fuse', () => {
  it('is half the mean and half the loudest, as a share of what the history allows', () => {
    expect(fuse(Float64Array.of(1, 3), 999)).toBeCloseTo((2 + 3) / 2 / 3, 12);
    expect(fuse(Float64Array.of(3, 3), 999)).toBeCloseTo(1, 12);
    expect(fuse(new Float64Array(4), 0)).toBe(0);
  });

  it('is not loud where there is hardly a history', () => {
    const mostSurprised = Math.log10(8 + 1);
    expect(fuse(Float64Array.of(mostSurprised, mostSurprised), 8)).toBeLessThan(0.4);
  });
});

describe('Neighbours', () => {
  const options = { width: 3, capacity: 64, rank: 2, horizon: 1000, seed: 1 };

  it('agrees with sorting all distances while the sample holds every point', () => {
    const neighbours = new Neighbours(options);
    const random = new Random(3);
    const past: number[][] = [];
    const distance = (a: number[], b: number[]) => Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0));
    for (let i = 0; i < 64; i++) {
      const point = [random.next(), random.next(), random.next()];
      const found = neighbours.update(Float64Array.from(point));
      const distances = past.map((other) => distance(point, other)).sort((a, b) => a - b);
      if (past.length >= 2) expect(found).toBeCloseTo(distances[1]!, 12);
      past.push(point);
    }
  });

  it('forgets what was long ago', () => {
    const neighbours = new Neighbours(options);
    for (let i = 0; i < 100; i++) neighbours.update(Float64Array.of(0, 0, 0));
    for (let i = 0; i < 20_000; i++) neighbours.update(Float64Array.of(9, 9, 9));

    expect(neighbours.update(Float64Array.of(0, 0, 0))).toBeCloseTo(Math.sqrt(3 * 81), 12);
  });
});

describe('StreamingPca', () => {
  it('finds the plane of the points, and how far one is off it', () => {
    const pca = new StreamingPca({ width: 3, components: 2 });
    const random = new Random(1);
    // All points have x + y + z = 0.
    for (let i = 0; i < 2000; i++) {
      const [a, b] = [random.next() - 0.5, random.next() - 0.5];
      pca.update(Float64Array.of(a, b, -a - b));
    }

    expect(pca.update(Float64Array.of(0.2, 0.1, -0.3))).toBeLessThan(1e-3);
    expect(pca.update(Float64Array.of(1, 1, 1))).toBeCloseTo(Math.sqrt(3), 1);
  });

  it('stays finite with constant and huge points', () => {
    const pca = new StreamingPca({ width: 2, components: 1 });
    for (let i = 0; i < 200; i++) expect(pca.update(Float64Array.of(5, 5))).toBe(0);
    for (let i = 0; i < 200; i++)
      expect(pca.update(Float64Array.of(1e100, -1e100 * (i % 2)))).toBeGreaterThanOrEqual(0);
    expect(Number.isFinite(pca.update(Float64Array.of(0, 0)))).toBe(true);
  });
});

describe('ChannelScaler', () => {
  it('does not care for the unit of a channel', () => {
    const scaler = new ChannelScaler(2);
    const into = new Float64Array(2);
    for (let i = 0; i < 500; i++) {
      scaler.update(Float64Array.of(Math.sin(i), 1e6 * Math.sin(i) + 1e9), into);
      expect(into[1]!).toBeCloseTo(into[0]!, 4);
    }
  });

  it('puts a missing value at the mean and a constant channel that moves at the end of the scale', () => {
    const scaler = new ChannelScaler(2);
    const into = new Float64Array(2);
    for (let i = 0; i < 10; i++) scaler.update(Float64Array.of(4, i), into);
    scaler.update(Float64Array.of(5, Number.NaN), into);

    expect([...into]).toEqual([30, 0]);
  });
});
