import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { createDetector, RePad2, Rola, rolaDefaults, type Detector } from '@app/detectors';

import { Progress } from '../evaluate/progress.js';
import { formatTable } from '../evaluate/table.js';
import { benchRows, type BenchRows } from './detector-series.js';
import { processorSeconds } from './processor-time.js';
import { findPeer, runPeer } from './random-cut-forest.js';
import { median } from './statistics.js';

export interface DetectorsBenchOptions {
  readonly points: number;
  readonly rounds: number;
  readonly fetchPeer?: boolean;
}

/** RoLA's own size: the nine channels of the paper's ship. */
const CHANNELS = 9;
/** Full memories: what a detector costs after weeks. */
const WARM_UP = 7_000;
const CHUNK = 1_000;
const STEP_MS = 60_000;
/** Detectors whose memory is measured together. */
const MANY = 300;
const MEMORY_POINTS = 50;

/** Points per second of one core, side by side with the Java random cut forest, and memory a series. */
export async function benchDetectors(options: DetectorsBenchOptions): Promise<void> {
  const { points, rounds } = options;
  const progress = new Progress();
  const peer = await findPeer(options.fetchPeer ?? false);
  const [one, many] = [benchRows(points + WARM_UP, 1), benchRows(Math.ceil(points / CHANNELS) + WARM_UP, CHANNELS)];
  const single = createDetector('default', 1);
  const multiple = createDetector('default', CHANNELS);
  const rola = measurableRola();
  const rates: Record<string, number[]> = { default: [], 'default, 9 channels': [], 'rola, 9 channels': [] };
  const training = { rows: 0, seconds: 0 };
  const plain = { rows: 0, seconds: 0 };
  for (let round = 1; round <= rounds; round++) {
    const label = (name: string) => `round ${round}: ${name}`;
    rates['default']!.push(rate(single, one, round, label('default'), progress));
    rates['default, 9 channels']!.push(rate(multiple, many, round, label('default, 9 channels'), progress));
    rates['rola, 9 channels']!.push(
      rate(rola.detector, many, round, label('rola'), progress, (seconds) => {
        const into = rola.trained() ? training : plain;
        into.rows++;
        into.seconds += seconds;
      }),
    );
    if ('missing' in peer) continue;
    process.stderr.write(`${label('Java random cut forest')} …\n`);
    (rates['Java random cut forest'] ??= []).push(await runPeer(peer.jar, one.values.subarray(WARM_UP)));
  }
  const kilobytes = kilobytesPerDetector(progress);

  const header = ['rows/s of one core', ...rates['default']!.map((_, i) => `round ${i + 1}`), 'median'];
  const row = ([name, all]: [string, number[]]) => [name, ...all.map(Math.round), Math.round(median(all))];
  process.stdout.write(`${formatTable(header, Object.entries(rates).map(row))}\n`);
  if ('missing' in peer) process.stdout.write(`Java random cut forest skipped: ${peer.missing}\n`);
  const microseconds = ({ rows, seconds }: typeof plain) => (1e6 * seconds) / rows;
  const share = training.rows / (training.rows + plain.rows);
  process.stdout.write(
    `rola: ${microseconds(plain).toFixed(0)} µs a row of ${CHANNELS}, ${microseconds(training).toFixed(0)} µs where it trains (${(100 * share).toFixed(1)} % of the rows)\n` +
      `default: ${kilobytes.toFixed(0)} kB a series\n\n`,
  );
  const forest = rates['Java random cut forest'];
  const result = {
    bench: 'detectors',
    points,
    rounds,
    default_points_per_s: Math.round(median(rates['default']!)),
    default_rows_of_9_per_s: Math.round(median(rates['default, 9 channels']!)),
    rola_rows_of_9_per_s: Math.round(median(rates['rola, 9 channels']!)),
    rola_training_us: Math.round(microseconds(training)),
    rola_training_share: Number(share.toFixed(4)),
    rcf_points_per_s: forest ? Math.round(median(forest)) : null,
    ratio: forest ? Number((median(rates['default']!) / median(forest)).toFixed(2)) : null,
    default_kilobytes: Math.round(kilobytes),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** RoLA as it is in the catalogue, with an eye on whether the last row trained. */
function measurableRola(): { detector: Detector; trained: () => boolean } {
  const options = rolaDefaults(CHANNELS);
  const lads = Array.from(
    { length: CHANNELS },
    (_, channel) => new RePad2({ ...options.repad2, seed: options.repad2.seed + channel }),
  );
  const detector = new Rola(options, (channel) => lads[channel]!);
  return { detector, trained: () => lads.some((lad) => lad.trainedLast) };
}

/** Rows per second of processor time (others may use the machine too), behind a warm-up; rounds go on where the last one ended. */
function rate(
  detector: Detector,
  { channels, values }: BenchRows,
  round: number,
  label: string,
  progress: Progress,
  each?: (seconds: number) => void,
): number {
  const rows = values.length / channels;
  const row = new Float64Array(channels);
  const show = (at: number) => {
    for (let i = 0; i < channels; i++) row[i] = values[at * channels + i]!;
    detector.observe(((round - 1) * rows + at) * STEP_MS, row);
  };
  for (let at = 0; at < WARM_UP; at++) show(at);
  const started = processorSeconds();
  let before = started;
  for (let at = WARM_UP; at < rows; at++) {
    show(at);
    if (each) {
      const now = processorSeconds();
      each(now - before);
      before = now;
    }
    if ((at - WARM_UP) % CHUNK === 0) progress.report(label, at - WARM_UP, rows - WARM_UP);
  }
  const seconds = processorSeconds() - started;
  progress.report(label, rows - WARM_UP, rows - WARM_UP);
  return (rows - WARM_UP) / seconds;
}

/** Heap and buffers that a detector of one series holds. */
function kilobytesPerDetector(progress: Progress): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  const detectors = Array.from({ length: MANY }, (_, i) => {
    const detector = createDetector('default', 1, i);
    for (let t = 0; t < MEMORY_POINTS; t++) detector.observe(t * STEP_MS, Float64Array.of(Math.sin(t)));
    if (i % 50 === 0) progress.report('memory', i, MANY);
    return detector;
  });
  const after = used();
  // Still in use, so that it is not collected.
  return (after - before) / detectors.length / 1000;
}
