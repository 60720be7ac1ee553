import type { ObservationLog, OutgoingRecord } from '@app/streaming';
import type { DataSource } from 'typeorm';
import { DEMO_SETS, readDemoSet, shiftOf, type DemoSet } from './demo-set.js';
import { runDemo, type DemoContext } from './demo.js';

const NOW = Date.parse('2026-05-13T12:34:56Z');
const taxi = DEMO_SETS.find(({ itemId }) => itemId === 'nyc-taxi')!;

describe('the demo sets', () => {
  it.each(DEMO_SETS.map((set) => [set.itemId, set] as const))('%s is complete and ascending', (_id, set) => {
    const rows = readDemoSet(set);
    const gaps = new Set(rows.slice(1).map(({ ts }, index) => ts - rows[index]!.ts));

    expect(gaps.size).toBe(1);
    expect(rows.every(({ values }) => Object.values(values).every(Number.isFinite))).toBe(true);
    expect(rows.length).toBeGreaterThan(set.liveRows * 4);
  });

  it('end near now without going beyond it, on the same day of the week', () => {
    const rows = readDemoSet(taxi);
    const last = new Date(rows.at(-1)!.ts);
    const shifted = new Date(last.getTime() + shiftOf(taxi, rows, NOW));

    expect(shifted.getUTCDay()).toBe(last.getUTCDay());
    expect(shifted.getTime()).toBeLessThanOrEqual(NOW);
    expect(NOW - shifted.getTime()).toBeLessThan(7 * 86_400_000);
  });
});

describe('runDemo', () => {
  it('sends every row once, each with its key, and pauses its jobs afterwards', async () => {
    const { context, sent, calls } = aContext();

    await runDemo(context, soon(context));

    for (const set of DEMO_SETS) {
      const rows = readDemoSet(set);
      const times = sent.filter(({ key }) => key === set.itemId).map(timeOf);
      expect(times).toHaveLength(rows.length);
      expect(new Set(times).size).toBe(rows.length);
    }
    expect(calls).toEqual(['resume', 'pause']);
  });

  it('goes on where an earlier start ended, by the same shift', async () => {
    const known = spanOf(taxi, 10_000);
    const { context, sent } = aContext({ 'nyc-taxi': known });

    await runDemo(context, soon(context));

    const times = sent.filter(({ key }) => key === 'nyc-taxi').map(timeOf);
    expect(times).toHaveLength(readDemoSet(taxi).length - 10_000);
    expect(times[0]).toBe(known.last.getTime() + 30 * 60_000);
  });

  it('tries again while the log takes nothing', async () => {
    const { context, sent } = aContext();
    let refusals = 1;
    const append = context.log.append.bind(context.log);
    context.log.append = (topic, records) => {
      if (refusals-- > 0) return Promise.reject(new Error('full'));
      return append(topic, records);
    };

    await runDemo(context, soon(context));

    expect(sent.filter(({ key }) => key === 'nyc-taxi')).toHaveLength(readDemoSet(taxi).length);
  });
});

/** A context whose database knows the spans given, and what was done with it. */
function aContext(known: Record<string, { first: Date; last: Date }> = {}) {
  const sent: OutgoingRecord[] = [];
  const calls: string[] = [];
  const log = {
    append: (_topic: string, records: readonly OutgoingRecord[]) => Promise.resolve(void sent.push(...records)),
  };
  const dataSource = {
    query: (_sql: string, [itemId]: string[]) => Promise.resolve([known[itemId ?? ''] ?? { first: null, last: null }]),
  };
  const lines: string[] = [];
  const context: DemoContext & { lines: string[] } = {
    log: log as unknown as ObservationLog,
    topic: 'observations',
    dataSource: dataSource as unknown as DataSource,
    jobs: { resume: async () => void calls.push('resume'), pause: async () => void calls.push('pause') },
    say: (line) => void lines.push(line),
    speed: 1_000_000,
    lines,
  };
  return { context, sent, calls };
}

/** Aborts once both sets are done, so that no test waits for the last forecasts. */
function soon(context: DemoContext & { lines?: string[] }): AbortSignal {
  const controller = new AbortController();
  const timer = setInterval(() => {
    if ((context.lines ?? []).filter((line) => line.endsWith('done.')).length < DEMO_SETS.length) return;
    clearInterval(timer);
    controller.abort();
  }, 5);
  return controller.signal;
}

function spanOf(set: DemoSet, count: number): { first: Date; last: Date } {
  const rows = readDemoSet(set);
  const shift = shiftOf(set, rows, NOW);
  return { first: new Date(rows[0]!.ts + shift), last: new Date(rows[count - 1]!.ts + shift) };
}

function timeOf({ value }: OutgoingRecord): number {
  return Date.parse((JSON.parse(String(value)) as { ts: string }).ts);
}
