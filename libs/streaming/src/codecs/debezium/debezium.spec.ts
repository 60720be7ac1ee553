import { readFileSync } from 'node:fs';

import { codesOf, decoded, formatsWith } from '../../../test/decoded.js';
import { connectValue, decimalOf } from './connect-value.js';

const NOW = Date.UTC(2027, 0, 1);
const NOON = Date.UTC(2026, 2, 1, 12);

interface ChangeEvent {
  readonly key: object;
  readonly value: { readonly payload?: { readonly op: string }; readonly op?: string } | null;
}

function sample(name: 'with-schema' | 'without-schema'): ChangeEvent[] {
  const text = readFileSync(new URL(`../samples/debezium/${name}.ndjson`, import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ChangeEvent);
}

function read(name: 'with-schema' | 'without-schema', settings: Record<string, string> = {}) {
  const formats = formatsWith(settings);
  return sample(name).map(({ key, value }) =>
    decoded(value && JSON.stringify(value), { key: Buffer.from(JSON.stringify(key)), now: NOW, formats }),
  );
}

const event = (over: object = {}) => ({
  op: 'c',
  before: null,
  after: { item_id: 'pump-7', ts: '2026-03-01T12:00:00Z', flow: 1.5 },
  source: { db: 'plant', schema: 'public', table: 'readings', ts_ms: NOON },
  ...over,
});
const decodeEvent = (over: object = {}) => decoded(JSON.stringify(event(over)));

describe('change events of Debezium', () => {
  it('are a snapshot, an insert, an update, a deletion and its tombstone in the samples', () => {
    expect(sample('with-schema').map(({ value }) => value?.payload?.op)).toEqual(['r', 'c', 'u', 'd', undefined]);
    expect(sample('without-schema').map(({ value }) => value?.op)).toEqual(['r', 'c', 'u', 'd', undefined]);
  });

  it('with a schema give every number of the row, by table, key and the time in the key', () => {
    const [snapshot, insert, update, deletion, tombstone] = read('with-schema');
    const item = 'public.readings/pump-7';
    const others = (ts: number) => [
      [item, 'price', ts, -12.5],
      [item, 'any_scale', ts, 314_159 / 100_000],
      [item, 'starts', ts, 9_007_199_254_740_991],
    ];
    expect(snapshot!.points).toEqual([[item, 'flow', NOON, 1.5], ...others(NOON), [item, 'temp', NOON, 40.5]]);
    expect(insert!.points[0]).toEqual([item, 'flow', NOON + 60_000, 2.5]);
    expect(update!.points).toEqual([[item, 'flow', NOON + 60_000, 2.75], ...others(NOON + 60_000)]);
    expect([deletion, tombstone]).toEqual(Array.from({ length: 2 }, () => ({ points: [], declared: [], errors: [] })));
    expect([snapshot, insert, update].flatMap((one) => one!.errors)).toEqual([]);
  });

  it('without a schema give the columns that are named', () => {
    const [snapshot, ...rest] = read('without-schema', {
      ROW_ITEM: '{sensor}',
      ROW_TIME: 'taken',
      ROW_CHANNELS: 'flow,ok',
      ROW_CHANNEL: '{table}.{column}',
    });
    expect(snapshot!.points).toEqual([
      ['pump-7', 'readings.flow', NOON + 123, 1.5],
      ['pump-7', 'readings.ok', NOON + 123, 1],
    ]);
    expect(rest.flatMap(({ errors }) => errors)).toEqual([]);
  });

  it('are read by item_id and ts where a table has them, otherwise at the time of the change', () => {
    expect(decodeEvent().points).toEqual([['pump-7', 'flow', NOON, 1.5]]);
    const stock = event({ after: { id: 4, quantity: 7, name: 'bolt' } });
    const key = Buffer.from('{"id":4}');
    expect(decoded(JSON.stringify(stock), { key }).points).toEqual([['public.readings/4', 'quantity', NOON, 7]]);
  });

  it('of narrow tables name the channel in a column', () => {
    const formats = formatsWith({ ROW_CHANNELS: 'value', ROW_CHANNEL: '{metric}' });
    const after = { item_id: 'a', ts: '2026-03-01', metric: 'temp', value: 4 };
    expect(decoded(JSON.stringify(event({ after })), { formats }).points[0]?.[1]).toBe('temp');
  });

  it.each([
    [{ op: 'x' }, 'UNKNOWN_FORMAT'],
    [{ op: 'c', after: 7 }, 'UNKNOWN_FORMAT'],
    [{ after: { ts: '2026-03-01', flow: 1 } }, 'ITEM_ID_INVALID'],
    [{ after: { item_id: 'a', ts: '2026-03-01', name: 'x' } }, 'EMPTY_RECORD'],
    [{ after: { item_id: 'a', ts: 'x', flow: 1 } }, 'TS_INVALID'],
    [{ after: { item_id: 'a', ts: '2999-01-01', flow: 1 } }, 'TS_IN_FUTURE'],
    [{ after: { item_id: 'a\n', ts: '2026-03-01', flow: 1 } }, 'ITEM_ID_INVALID'],
  ])('are refused: %j', (over, code) => {
    const all = decodeEvent(over);
    expect(all.points).toEqual([]);
    expect(codesOf(all)).toEqual([code]);
  });

  it('leave a plain tombstone what it is', () => {
    expect(codesOf(decoded(null, { key: Buffer.from('pump-7') }))).toEqual(['EMPTY_RECORD']);
  });
});

describe('values of Kafka Connect', () => {
  it('reads decimals exactly, whatever their size', () => {
    expect(decimalOf(Buffer.from('01', 'hex'), 0)).toBe(1);
    expect(decimalOf(Buffer.from('ff', 'hex'), 2)).toBe(-0.01);
    expect(decimalOf(Buffer.from('00ff', 'hex'), -2)).toBe(25_500);
    expect(decimalOf(Buffer.alloc(0), 0)).toBeNaN();
  });

  it.each([
    ['io.debezium.time.Date', 20_513, '2026-03-01T00:00:00.000Z'],
    ['org.apache.kafka.connect.data.Timestamp', NOON, '2026-03-01T12:00:00.000Z'],
    ['io.debezium.time.MicroTimestamp', 1_772_366_400_123_456, '2026-03-01T12:00:00.123Z'],
    ['io.debezium.time.NanoTimestamp', 1_772_366_400_123_000_000, '2026-03-01T12:00:00.123Z'],
    // infinity of PostgreSQL
    ['io.debezium.time.MicroTimestamp', 9_223_372_036_825_200_000, '9223372036825200000'],
    ['io.debezium.time.MicroTime', 5, '5'],
  ])('reads %s %d as %s', (name, value, text) => {
    expect(connectValue(value, { name })).toBe(text);
  });
});
