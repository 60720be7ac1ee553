import { createDetector, DETECTOR_NAMES } from './catalogue.js';
import type { Detection } from './detector.js';
import { Random } from './random.js';
import { RowAligner } from './row-aligner.js';

const MINUTE = 60_000;
const ROWS = 120;
const SEGMENTS = 6;
const QUIET = 400;
type Row = readonly [ts: number, values: Float64Array];

/** Values of one stretch, by row and channel; each of them has broken detectors somewhere. */
const VALUES: ((random: Random) => (t: number, channel: number) => number)[] = [
  () => () => 42,
  () => () => Number.NaN,
  () => (t) => (t < ROWS / 2 ? 1 : 1000),
  () => (t) => (t % 7 === 0 ? 1e300 : -1e300),
  () => (t) => 5e-324 * (t % 5),
  () => (t) => (t % 2 === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY),
  () => (t, channel) => (t % 2 === channel % 2 ? Number.NaN : Math.sin(t)),
  () => (t, channel) => Math.sin(t + channel) * (channel === 0 ? 1e6 : 1),
  (random) => () => random.next() - 0.5,
  (random) => () => 10 ** (600 * random.next() - 300),
];

/** Times of one stretch: what the clock makes of a row that would come at `ts`. */
const CLOCKS: ((random: Random) => (ts: number) => number)[] = [
  () => (ts) => ts,
  () => (ts) => ts - 1_000 * MINUTE,
  () => (ts) => 2_000_000_000_000 - ts,
  (random) => (ts) => (random.next() < 0.3 ? Number.NaN : ts),
  (random) => (ts) => (random.next() < 0.1 ? 8.64e15 : ts),
  (random) => (ts) => ts - random.below(5) * MINUTE,
];

/** Stretches of awkward rows in random order, with clocks that jump; and at last a quiet, noisy hour on a clock that goes on. */
function awkwardRows(seed: number, channels: number): Row[] {
  const random = new Random(seed);
  const row = (ts: number, value: (channel: number) => number): Row => [
    ts,
    Float64Array.from({ length: channels }, (_, channel) => value(channel)),
  ];
  const rows: Row[] = [];
  for (let segment = 0; segment < SEGMENTS; segment++) {
    const value = VALUES[random.below(VALUES.length)]!(random);
    const clock = CLOCKS[random.below(CLOCKS.length)]!(random);
    for (let t = 0; t < ROWS; t++) rows.push(row(clock(rows.length * MINUTE), (channel) => value(t, channel)));
  }
  for (let t = 0; t < QUIET; t++) rows.push(row((20_000 + t) * MINUTE, (channel) => channel + random.next()));
  return rows;
}

const cases = DETECTOR_NAMES.flatMap((name) =>
  [1, 4].flatMap((channels) => [1, 2, 3].map((seed) => [name, channels, seed] as const)),
);

describe.each(cases)('%s with %d channels on awkward rows %d', (name, channels, seed) => {
  const rows = awkwardRows(seed, channels);
  const detector = createDetector(name, channels);
  const size = detector.snapshot().length;
  const detections: Detection[] = rows.map(([ts, values]) => detector.observe(ts, values));

  it('gives finite numbers on their scales', () => {
    for (const { score, strength, severity, grade, confidence, votes } of detections) {
      for (const number of [score, strength, severity, ...Object.values(votes)])
        expect(Number.isFinite(number)).toBe(true);
      expect(grade >= 0 && grade <= 1 && confidence >= 0 && confidence < 1).toBe(true);
    }
  });

  it('does not fire for ever, and goes on giving verdicts', () => {
    const quiet = detections.slice(-QUIET / 2);

    expect(quiet.filter(({ score }) => score > 1).length).toBeLessThan(10);
    expect(quiet.every(({ status }) => status === 'scored')).toBe(true);
  });

  it('keeps its size, and a snapshot of it goes on bit for bit', () => {
    const restored = createDetector(name, channels);
    const state = detector.snapshot();
    restored.restore(state);

    expect(state.length).toBe(size);
    expect(restored.snapshot()).toEqual(state);
  });
});

describe('RowAligner on awkward rows', () => {
  it.each([1, 2, 3])('holds no more rows than it may, and lets the quiet ones through at last (%d)', (seed) => {
    const aligner = new RowAligner({ channels: 4, stepMs: MINUTE, waiting: 5, fillSteps: 2 });
    const left: number[] = [];
    for (const [ts, values] of awkwardRows(seed, 4)) {
      values.forEach((value, channel) => left.push(...aligner.offer(ts, channel, value).map((row) => row.ts)));
    }

    expect(left.slice(-QUIET / 2)).toEqual(Array.from({ length: QUIET / 2 }, (_, t) => (20_200 + t) * MINUTE));
    expect(aligner.flush().length).toBeLessThanOrEqual(5);
  });
});
