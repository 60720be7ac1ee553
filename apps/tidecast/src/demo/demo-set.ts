import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { OutgoingRecord } from '@app/streaming';
import { repositoryRoot } from '../repository-root.js';

const DAY_MS = 86_400_000;

/** A data set of the demo and how it is replayed. */
export interface DemoSet {
  readonly itemId: string;
  readonly file: string;
  /** Times move by whole multiples of this, so that seasons keep their phase. */
  readonly shiftByMs: number;
  /** So many rows at the end are replayed before the eyes of the user; all before them are history. */
  readonly liveRows: number;
  readonly rowsPerSecond: number;
  /** Steps that the demo's job forecasts. */
  readonly horizon: number;
}

/** What `--demo` replays; `apps/tidecast/demo/README.md` tells where it comes from. */
export const DEMO_SETS: readonly DemoSet[] = [
  { itemId: 'nyc-taxi', file: 'nyc-taxi.csv.gz', shiftByMs: 7 * DAY_MS, liveRows: 336, rowsPerSecond: 1, horizon: 96 },
  { itemId: 'server', file: 'server.csv.gz', shiftByMs: DAY_MS, liveRows: 600, rowsPerSecond: 2, horizon: 120 },
];

/** One time of a set, with a value for each channel. */
export interface DemoRow {
  readonly ts: number;
  readonly values: Readonly<Record<string, number>>;
}

/** The rows of a set, oldest first, at their original times. */
export function readDemoSet({ file }: DemoSet): DemoRow[] {
  const text = gunzipSync(readFileSync(join(repositoryRoot(), 'apps/tidecast/demo', file))).toString();
  const [header = '', ...lines] = text.trimEnd().split('\n');
  const channels = header.split(',').slice(1);
  return lines.map((line) => {
    const [ts = '', ...cells] = line.split(',');
    return { ts: Date.parse(ts), values: Object.fromEntries(channels.map((name, i) => [name, Number(cells[i])])) };
  });
}

/**
 * How far the times of a set move. Where an earlier start has replayed some of it already, by as much as then;
 * otherwise so that its end is the last one that is not in the future.
 *
 * @param knownFirst time of the item's first observation in the database, if any.
 */
export function shiftOf(set: DemoSet, rows: readonly DemoRow[], now: number, knownFirst?: number): number {
  const [first] = rows;
  const last = rows.at(-1);
  if (!first || !last) return 0;
  if (knownFirst !== undefined) return knownFirst - first.ts;
  return Math.floor((now - last.ts) / set.shiftByMs) * set.shiftByMs;
}

/** A row as a producer would send it. */
export function toRecord({ itemId }: DemoSet, { ts, values }: DemoRow, shiftMs: number): OutgoingRecord {
  const record = { item_id: itemId, ts: new Date(ts + shiftMs).toISOString(), values };
  return { key: itemId, value: Buffer.from(JSON.stringify(record)) };
}
