import { createDetector, DETECTOR_NAMES, isDetectorName } from './catalogue.js';
import type { Detection } from './detector.js';
import { Random } from './random.js';

const MINUTE = 60_000;
type Row = readonly [ts: number, values: Float64Array];

/** Rows of a noisy daily series with a spike now and then and some gaps. */
function rows(channels: number, count: number): Row[] {
  const random = new Random(9);
  return Array.from({ length: count }, (_, t) => [
    t * 5 * MINUTE,
    Float64Array.from({ length: channels }, (_, channel) => {
      if (random.next() < 0.02) return Number.NaN;
      const spike = t % 331 === 330 ? 8 : 0;
      return channel + 3 * Math.sin((2 * Math.PI * t) / 288) + random.next() + spike;
    }),
  ]);
}

const kinds = DETECTOR_NAMES.flatMap((name) => [1, 3].map((channels) => [name, channels] as const));

describe.each(kinds)('%s with %d channels', (name, channels) => {
  const run = (series: readonly Row[]) => {
    const detector = createDetector(name, channels);
    return series.map(([ts, values]) => detector.observe(ts, values));
  };

  it('gives the very same scores with and without 20 restarts', () => {
    const series = rows(channels, 1500);
    let detector = createDetector(name, channels);
    const restarted = series.map(([ts, values], i) => {
      if (i % 75 === 37) {
        const state = detector.snapshot();
        detector = createDetector(name, channels);
        detector.restore(state);
      }
      return detector.observe(ts, values);
    });

    expect(restarted).toEqual(run(series));
  });

  it('gives its first verdict for the eighth point', () => {
    const first = run(rows(channels, 40).filter(([, values]) => values.every(Number.isFinite)));

    expect(first.findIndex(({ status }) => status === 'scored')).toBe(7);
  });

  it.each(Object.entries(awkward(channels)))('stays finite, and does not fire for ever, on %s', (_, series) => {
    const detections = run(series);
    for (const { score, strength, severity, grade, confidence } of detections) {
      expect([score, strength, severity, grade, confidence].every(Number.isFinite)).toBe(true);
      expect(grade >= 0 && grade <= 1 && confidence >= 0 && confidence < 1).toBe(true);
    }
    expect(alarms(detections.slice(-300))).toBeLessThan(30);
  });

  it('does not show late and repeated points to the detector', () => {
    const series = rows(channels, 300);
    const again = series.flatMap((row, i) => (i > 10 ? [row, row, series[i - 10]!] : [row]));

    expect(run(again).filter(({ status }) => status !== 'late')).toEqual(run(series));
  });

  it('follows a clock that was set back', () => {
    const series = rows(channels, 200).map(([ts, values], i): Row => [i < 100 ? ts : ts - 1000 * MINUTE, values]);

    expect(
      run(series)
        .slice(150)
        .every(({ status }) => status !== 'late'),
    ).toBe(true);
  });

  it('refuses the snapshot of another detector', () => {
    const other = createDetector('default', channels + 1).snapshot();

    expect(() => createDetector(name, channels).restore(other)).toThrow(/snapshot is not of/);
    const cut = createDetector(name, channels).snapshot().slice(0, -8);
    expect(() => createDetector(name, channels).restore(cut)).toThrow(/snapshot ends/);
  });

  it('has a state that does not grow', () => {
    const detector = createDetector(name, channels);
    const before = detector.snapshot().length;
    for (const [ts, values] of rows(channels, 500)) detector.observe(ts, values);

    expect(detector.snapshot().length).toBe(before);
  });
});

describe('the default detector of one series', () => {
  it('finds a spike, with a grade, and is quiet for a while behind it', () => {
    const detector = createDetector('default', 1);
    const detections = rows(1, 2000)
      .filter(([, values]) => !Number.isNaN(values[0]))
      .map(([, values], i) => detector.observe(i * 5 * MINUTE, Float64Array.of(values[0]! + (i === 1700 ? 30 : 0))));

    expect(detections[1700]!.score).toBeGreaterThan(1);
    expect(detections[1700]!.grade).toBeGreaterThan(0);
    expect(alarms(detections.slice(1701, 1819))).toBe(0);
  });

  it('needs at most 200 kB', () => {
    expect(createDetector('default', 1).snapshot().length).toBeLessThan(200_000);
  });

  it('does not care for the unit of a series', () => {
    const scores = (scale: number) => {
      const detector = createDetector('default', 1);
      return rows(1, 800).map(([ts, values]) => detector.observe(ts, Float64Array.of(values[0]! * scale)).strength);
    };

    // Powers of two move the exponent only, so that nothing is rounded differently.
    expect(scores(2 ** 20)).toEqual(scores(1));
  });
});

describe('isDetectorName', () => {
  it('knows the catalogue, and no property of objects', () => {
    expect(isDetectorName('rola')).toBe(true);
    expect(isDetectorName('toString')).toBe(false);
    expect(() => createDetector('default', 0)).toThrow(/must be 1 or more/);
  });
});

function alarms(detections: readonly Detection[]): number {
  return detections.filter(({ score }) => score > 1).length;
}

/** Series that break things, 1,200 rows each. */
function awkward(channels: number): Record<string, Row[]> {
  const series = (value: (t: number, channel: number) => number): Row[] =>
    Array.from({ length: 1200 }, (_, t) => [
      t * MINUTE,
      Float64Array.from({ length: channels }, (_, channel) => value(t, channel)),
    ]);
  return {
    'a constant': series(() => 42),
    zeros: series(() => 0),
    'all missing': series(() => Number.NaN),
    infinities: series((t) => (t % 2 === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY)),
    'a step': series((t) => (t < 600 ? 1 : 1000)),
    'a line': series((t) => t),
    'huge values': series((t) => (t % 7 === 0 ? 1e300 : -1e300)),
    'one huge value': series((t) => (t === 600 ? 1e300 : Math.sin(t))),
    'subnormal values': series((t) => 5e-324 * (t % 5)),
    'a counter near 1e15': series((t) => 1e15 + t),
    'channels missing in turn': series((t, channel) => (t % channels === channel ? Math.sin(t) : Number.NaN)),
    'one channel a million times larger': series((t, channel) => Math.sin(t + channel) * (channel === 0 ? 1e6 : 1)),
  };
}
