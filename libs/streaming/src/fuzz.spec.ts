import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';

import { TestSchemaRegistry } from '../../../test/support/schema-registry.js';
import { ERROR_CODES } from '@app/observability';
import { NOW, decoded, formatsWith, type Decoded } from '../test/decoded.js';
import type { RecordFormats } from './index.js';
import { influxLines } from './codecs/samples/producers.js';

const sample = (name: string) => readFileSync(new URL(`./codecs/samples/${name}`, import.meta.url));
const lines = (name: string) => sample(name).toString().trimEnd().split('\n');

const AVRO = {
  type: 'record',
  name: 'R',
  fields: [
    { name: 'item_id', type: ['null', 'string'] },
    { name: 'ts', type: { type: 'long', logicalType: 'timestamp-nanos' } },
    { name: 'values', type: { type: 'map', values: ['null', 'double', { type: 'array', items: 'null' }] } },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 } },
    { name: 'next', type: ['null', 'R'] },
  ],
};

/** Records of real producers, to be broken. */
const WHOLE: Buffer[] = [
  sample('otlp.pb'),
  sample('otlp.ndjson'),
  Buffer.from(influxLines()),
  ...lines('debezium/with-schema.ndjson').map((line) =>
    Buffer.from(JSON.stringify((JSON.parse(line) as { value: unknown }).value)),
  ),
  ...lines('confluent/confluent-kafka.ndjson').map((line) =>
    Buffer.from((JSON.parse(line) as { value: string }).value, 'base64'),
  ),
  Buffer.from('{"timestamp":"2026-03-01T12:00:00Z","value":"1","name":"up","labels":{"job":"a"}}'),
  Buffer.from('[{"item_id":"a","ts":"2026-03-01","values":{"flow":1}},{"unique_id":"a","ds":"2026-03-01","y":"1"}]'),
];

const OBJECT_KEYS =
  'item_id ts values unique_id ds y name labels timestamp value op after source payload schema resourceMetrics sensor freq season unit time_zone'.split(
    ' ',
  );
const METRIC_KEYS =
  'name unit gauge sum histogram exponentialHistogram summary dataPoints timeUnixNano attributes flags asDouble count bucketCounts explicitBounds quantileValues'.split(
    ' ',
  );

const ODD_VALUES: unknown[] = [null, true, 0, 1.5, 1e308, -1, '', 'a', 'c', 'NaN', '2026-03-01', '__proto__'];
ODD_VALUES.push('x'.repeat(300), [], [[]], [null, 1], {}, { a: { b: 1 } }, { scale: 1, value: 'AA==' });

let registry: TestSchemaRegistry;
let formats: RecordFormats;

beforeAll(async () => {
  registry = await TestSchemaRegistry.start();
  registry.register('r', { schema: JSON.stringify(AVRO) });
  registry.register('j', { schema: '{}', schemaType: 'JSON' });
  formats = formatsWith({ SCHEMA_REGISTRY_URL: registry.url, ROW_ITEM: '{sensor}' });
  await formats.schemas.load([1, 2].map((id) => ({ value: Buffer.from([0, 0, 0, 0, id]) })));
});
afterAll(() => registry.stop());

/** Nothing but good points and errors of the closed list, none of them a fault of the decoder. */
function expectDecoded({ points, errors }: Decoded): void {
  for (const [itemId, channel, ts, value] of points) {
    expect(itemId.length * channel.length).toBeGreaterThan(0);
    expect(Number.isInteger(ts) && ts <= NOW + 86_400_000 && Number.isFinite(value)).toBe(true);
  }
  for (const { code, message } of errors) {
    expect(Object.hasOwn(ERROR_CODES, code)).toBe(true);
    expect(code).not.toBe('INTERNAL');
    // eslint-disable-next-line no-control-regex -- none of these may be in it
    expect(message).not.toMatch(/[\u0000-\u001f]/);
  }
}

const header = fc.constantFrom(undefined, 'json', 'line-protocol', 'otlp', 'confluent');
const decode = (value: Buffer, format: string | undefined, key: Buffer | null = null) =>
  decoded(value, { formats, key, headers: format === undefined ? {} : { 'tidecast-format': format } });

describe('whatever a record holds', () => {
  it('any bytes are points or errors', () => {
    const bytes = fc.uint8Array({ maxLength: 400 });
    fc.assert(
      fc.property(bytes, header, bytes, (value, format, key) => {
        expectDecoded(decode(Buffer.from(value), format, Buffer.from(key)));
      }),
      { numRuns: 300 },
    );
  });

  it('any bytes behind the id of a schema are', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3), fc.uint8Array({ maxLength: 200 }), (id, value) => {
        expectDecoded(decode(Buffer.from([0, 0, 0, 0, id, ...value]), undefined));
      }),
      { numRuns: 300 },
    );
  });

  it('real records with bytes changed, cut out or put in are', () => {
    const change = fc.record({ at: fc.nat(20_000), remove: fc.nat(8), put: fc.uint8Array({ maxLength: 8 }) });
    fc.assert(
      fc.property(fc.constantFrom(...WHOLE), fc.array(change, { minLength: 1, maxLength: 6 }), (whole, changes) => {
        let bytes = whole;
        for (const { at, remove, put } of changes) {
          const place = at % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(place + remove)]);
        }
        expectDecoded(decode(bytes, undefined));
      }),
      { numRuns: 300 },
    );
  });

  it('any text near line protocol is', () => {
    const part = fc.constantFrom(
      ...'a|=|,| |\\|"|\n|\r|1|t|i|u|.|-|e|#|{|['.split('|'),
      'cpu',
      'host',
      '1772366400000000000',
      'NaN',
      '泵',
      '\u0000',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 60 }), header, (parts, format) => {
        expectDecoded(decode(Buffer.from(parts.join('')), format));
      }),
      { numRuns: 300 },
    );
  });

  it('any JSON under the keys of the formats is', () => {
    const any = fc.constantFrom(...ODD_VALUES);
    const object = fc.dictionary(fc.constantFrom(...OBJECT_KEYS), any, { maxKeys: 8 });
    const metric = fc.dictionary(fc.constantFrom(...METRIC_KEYS), fc.oneof(any, fc.array(object, { maxLength: 3 })), {
      maxKeys: 6,
    });
    const metrics = fc.array(fc.oneof(metric, any), { maxLength: 4 });
    const otlp = fc.array(fc.record({ scopeMetrics: fc.array(fc.record({ metrics }), { maxLength: 2 }) }), {
      maxLength: 2,
    });
    const record = fc.oneof(
      object,
      fc.array(object, { maxLength: 4 }),
      fc.record({ resourceMetrics: otlp }),
      fc.record({ payload: object }),
    );
    fc.assert(
      fc.property(record, (value) => {
        expectDecoded(decode(Buffer.from(JSON.stringify(value)), undefined));
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, Buffer]>([
    ['a million opening brackets', Buffer.from('['.repeat(999_999))],
    ['a million nested objects', Buffer.from(`${'{"payload":'.repeat(80_000)}1${'}'.repeat(80_000)}`)],
    ['a line of a million escapes', Buffer.from(`a,${'\\,'.repeat(400_000)}=b v=1`)],
    ['a line of many tags', Buffer.from(`a${',t=1'.repeat(240_000)} v=1`)],
    ['a line of many fields', Buffer.from(`a ${'f=1,'.repeat(240_000)}f=1`)],
    ['a timestamp of a million digits', Buffer.from(`a v=1 ${'9'.repeat(999_000)}`)],
    ['a million digits that are no number', Buffer.from(`a v=${'9'.repeat(990_000)}x`)],
    ['a number of a million digits', Buffer.from(`a v=${'9'.repeat(999_000)}`)],
    ['spaces only', Buffer.from(' '.repeat(999_999))],
    ['a million line feeds', Buffer.alloc(999_999, 0x0a)],
    ['a million zeros', Buffer.alloc(999_999)],
    ['protobuf groups in groups', Buffer.concat([Buffer.from([0x0a, 0xb7, 0x84, 0x3d]), Buffer.alloc(999_991, 0x1b)])],
    [
      'an array of nulls without end',
      Buffer.from([0, 0, 0, 0, 1, 2, 2, 97, 0, 2, 2, 97, 4, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x7f]),
    ],
    ['a type in itself in itself', Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.alloc(900_000, 2)])],
  ])('%s', (_what, value) => {
    for (const format of [undefined, 'json', 'line-protocol', 'otlp', 'confluent'])
      expectDecoded(decode(value, format));
  });
});
