import avro from 'avsc';

import { AvroSchemas } from './avro-reader.js';

const NOON = Date.UTC(2026, 2, 1, 12);
const reader = (schema: unknown) => new AvroSchemas().reader(schema);
/** Bytes by the library's own writer. */
const written = (schema: object | string, value: unknown) => avro.Type.forSchema(schema as never).toBuffer(value);
const record = (...fields: [string, unknown][]) => ({
  type: 'record',
  name: 'R',
  fields: fields.map(([name, type]) => ({ name, type })),
});

describe('AvroSchemas', () => {
  it.each<[object | string, unknown]>([
    ['null', null],
    ['boolean', true],
    ['int', -1],
    ['int', 2_147_483_647],
    ['long', 0],
    ['long', -64],
    ['long', 64],
    ['long', 2 ** 52],
    ['long', -(2 ** 52) + 1],
    ['float', 1.5],
    ['double', -0.1],
    ['string', 'Öl 泵'],
    ['bytes', Buffer.from([1, 2])],
    [{ type: 'fixed', name: 'F', size: 2 }, Buffer.from([3, 4])],
    [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'B'],
    [{ type: 'array', items: 'int' }, [1, 2, 3]],
    [
      { type: 'map', values: 'double' },
      { a: 1, b: 2 },
    ],
    [record(['a', 'int'], ['b', record(['c', 'string'])]), { a: 1, b: { c: 'x' } }],
  ])('reads %j as the library writes %p', (schema, value) => {
    if (typeof schema === 'object' && 'fields' in schema) {
      (schema.fields as { type: { name?: string } }[]).forEach(({ type }) => type.name && (type.name = 'Inner'));
    }
    expect(reader(schema)(written(schema, value))).toEqual(value);
  });

  it('gives the value alone for the branch of a union', () => {
    const union = ['null', 'long', 'string'];
    const type = avro.Type.forSchema(union, { wrapUnions: 'always' });
    expect(reader(union)(type.toBuffer(null))).toBeNull();
    expect(reader(union)(type.toBuffer({ long: 5 }))).toBe(5);
  });

  it.each<[object, unknown, unknown]>([
    [{ type: 'long', logicalType: 'timestamp-millis' }, NOON, '2026-03-01T12:00:00.000Z'],
    [{ type: 'long', logicalType: 'timestamp-micros' }, NOON * 1000 + 999, '2026-03-01T12:00:00.000Z'],
    [{ type: 'long', logicalType: 'local-timestamp-millis' }, NOON, '2026-03-01T12:00:00.000Z'],
    [{ type: 'int', logicalType: 'date' }, 20_513, '2026-03-01T00:00:00.000Z'],
    [{ type: 'long', 'connect.name': 'io.debezium.time.MicroTimestamp' }, NOON * 1000, '2026-03-01T12:00:00.000Z'],
    [{ type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }, Buffer.from([0xfb, 0x1e]), -12.5],
  ])('reads %j', (schema, raw, value) => {
    const { type } = schema as { type: string };
    expect(reader(schema)(written(type, raw))).toBe(value);
  });

  it('reads nanoseconds to the millisecond', () => {
    // Zigzag varint of 1772366400123456789 by hand: beyond what the library writes.
    let zigzag = 1_772_366_400_123_456_789n * 2n;
    const bytes: number[] = [];
    for (; zigzag > 127n; zigzag >>= 7n) bytes.push(Number(zigzag & 127n) | 128);
    bytes.push(Number(zigzag));
    const schema = { type: 'long', logicalType: 'timestamp-nanos' };
    expect(reader(schema)(Buffer.from(bytes))).toBe('2026-03-01T12:00:00.123Z');
  });

  it('reads a type that contains itself, to a limit', () => {
    const list = { type: 'record', name: 'List', fields: [{ name: 'next', type: ['null', 'List'] }] };
    expect(reader(list)(Buffer.from([2, 2, 0]))).toEqual({ next: { next: { next: null } } });
    expect(() => reader(list)(Buffer.alloc(1_000_000, 2))).toThrow('nested deeper than 64');
  });

  it.each<[string, object | string, number[], string]>([
    [
      'a count of years',
      { type: 'array', items: 'long' },
      [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      'ends',
    ],
    ['items of no bytes', { type: 'array', items: 'null' }, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0], 'more than'],
    ['a number without end', 'long', Array.from({ length: 11 }, () => 0xff), 'more than ten bytes'],
    ['a negative length', 'string', [1], 'a field of -1 bytes'],
    ['a text that is cut', 'string', [8, 65], 'a field of 4 bytes has 1'],
    ['a branch that is not there', ['null', 'int'], [4], 'no such branch'],
    ['a symbol that is not there', { type: 'enum', name: 'E', symbols: ['A'] }, [2], 'no such symbol'],
    ['more than the value', 'int', [2, 2], '1 bytes are left'],
    ['nothing', 'int', [], 'ends'],
  ])('refuses %s', (_what, schema, bytes, message) => {
    expect(() => reader(schema)(Buffer.from(bytes))).toThrow(expect.objectContaining({ name: 'AvroError' }));
    expect(() => reader(schema)(Buffer.from(bytes))).toThrow(message);
  });

  it.each([['nonsense'], [{ type: 'record' }], [{ type: 'array' }], [7], [null], [{ type: 'Unknown' }]])(
    'throws for the schema %j',
    (schema) => {
      expect(() => reader(schema)).toThrow();
    },
  );
});
