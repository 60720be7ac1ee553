import { pause, type ObservationLog, type OutgoingRecord } from '@app/streaming';
import type { DataSource } from 'typeorm';
import type { DemoJobs } from './demo-jobs.js';
import { DEMO_SETS, readDemoSet, shiftOf, toRecord, type DemoSet } from './demo-set.js';

const HISTORY_BATCH = 1_000;
/** The last forecasts are made from the last points: the jobs stay on this long after those. */
const AFTERGLOW_MS = 30_000;
const RETRY_MS = 1_000;

/** What the demo works with. */
export interface DemoContext {
  readonly log: ObservationLog;
  readonly topic: string;
  readonly dataSource: DataSource;
  readonly jobs: Pick<DemoJobs, 'resume' | 'pause'>;
  /** Shows a line to the person at the terminal. */
  readonly say: (line: string) => void;
  /** Live rows a second are multiplied by it; for tests. */
  readonly speed?: number;
}

/**
 * Replays the demo's data sets through the observation log: history at once, then the last rows at a pace that one can
 * watch. What an earlier start has replayed is not sent again. Resolves when all is replayed or `signal` aborts.
 */
export async function runDemo(context: DemoContext, signal: AbortSignal): Promise<void> {
  await context.jobs.resume();
  try {
    await Promise.all(DEMO_SETS.map((set) => replay(set, context, signal)));
    await pause(AFTERGLOW_MS, signal);
  } finally {
    await context.jobs.pause();
  }
}

async function replay(set: DemoSet, context: DemoContext, signal: AbortSignal): Promise<void> {
  const { say, speed = 1 } = context;
  const rows = readDemoSet(set);
  const known = await knownSpan(context.dataSource, set.itemId);
  const shift = shiftOf(set, rows, Date.now(), known?.first);
  const missing = known ? rows.filter(({ ts }) => ts + shift > known.last) : rows;
  const records = missing.map((row) => toRecord(set, row, shift));
  const history = records.slice(0, Math.max(0, records.length - set.liveRows));
  const live = records.slice(history.length);

  for (let from = 0; from < history.length && !signal.aborted; from += HISTORY_BATCH) {
    await append(context, history.slice(from, from + HISTORY_BATCH), signal);
  }
  if (live.length === 0) return say(`demo: all of ${set.itemId} has been replayed before.`);
  say(
    `demo: ${set.itemId}: ${history.length} rows of history sent, ${live.length} follow live, ${set.rowsPerSecond} a second.`,
  );
  for (const [index, record] of live.entries()) {
    await pause(1_000 / set.rowsPerSecond / speed, signal);
    if (signal.aborted) return;
    await append(context, [record], signal);
    if ((index + 1) % Math.ceil(live.length / 4) === 0)
      say(`demo: ${set.itemId}: ${index + 1} of ${live.length} live rows.`);
  }
  say(`demo: ${set.itemId}: done.`);
}

// A full or absent log is no reason to give up: a producer would try again, too.
async function append(context: DemoContext, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      return await context.log.append(context.topic, records);
    } catch (error) {
      context.say(`demo: the log did not take ${records.length} rows, trying again: ${String(error)}`);
      await pause(RETRY_MS, signal);
    }
  }
}

async function knownSpan(dataSource: DataSource, itemId: string): Promise<{ first: number; last: number } | undefined> {
  const [span] = await dataSource.query<{ first: Date | null; last: Date | null }[]>(
    `SELECT min(ts) AS first, max(ts) AS last
     FROM observations JOIN series USING (series_id)
     WHERE item_id = $1`,
    [itemId],
  );
  return span?.first && span.last ? { first: span.first.getTime(), last: span.last.getTime() } : undefined;
}
