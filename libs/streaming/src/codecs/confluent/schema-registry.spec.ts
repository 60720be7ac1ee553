import avro from 'avsc';
import { readFileSync } from 'node:fs';

import { TestSchemaRegistry } from '../../../../../test/support/schema-registry.js';
import { NOW, codesOf, decoded, formatsWith } from '../../../test/decoded.js';
import { SchemaRegistry } from './schema-registry.js';

const NATIVE = {
  type: 'record',
  name: 'Observation',
  fields: [
    { name: 'item_id', type: 'string' },
    { name: 'ts', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'values', type: { type: 'map', values: 'double' } },
  ],
};
const TS = Date.UTC(2026, 2, 1, 12);
const OBSERVATION = avro.Type.forSchema(NATIVE as never).toBuffer({ item_id: 'pump-7', ts: TS, values: { flow: 1.5 } });

let registry: TestSchemaRegistry;
beforeEach(async () => {
  registry = await TestSchemaRegistry.start();
});
afterEach(() => registry.stop());

function framed(id: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(id, 1);
  return Buffer.concat([header, payload]);
}

/** Decodes after loading, as consumers do. */
async function read(value: Buffer, settings: Record<string, string> = {}, key: Buffer | null = null) {
  const formats = formatsWith({ SCHEMA_REGISTRY_URL: registry.url, ...settings });
  await formats.schemas.load([{ value, key }]);
  return decoded(value, { formats, key });
}

describe("Confluent's wire format", () => {
  it('reads Avro by the schema of its id', async () => {
    const id = registry.register('observations-value', { schema: JSON.stringify(NATIVE) });
    expect(await read(framed(id, OBSERVATION))).toMatchObject({ points: [['pump-7', 'flow', TS, 1.5]], errors: [] });
  });

  it("reads what Confluent's own Python serialisers wrote, Avro and JSON Schema", async () => {
    const text = readFileSync(new URL('../samples/confluent/confluent-kafka.ndjson', import.meta.url), 'utf8');
    for (const line of text.trimEnd().split('\n')) {
      const sample = JSON.parse(line) as { value: string; schema: string; schemaType: string };
      const value = Buffer.from(sample.value, 'base64');
      while (
        registry.register(sample.schemaType, { schema: sample.schema, schemaType: sample.schemaType }) <
        value.readUInt32BE(1)
      )
        registry.register('filler', { schema: `"padding ${registry.requests.push('')}"` });
      const { points, errors } = await read(value);
      expect(errors).toEqual([]);
      expect(points).toEqual([
        ['pump-7', 'flow', TS, 1.5],
        ['pump-7', 'temp', TS, 40],
      ]);
    }
  });

  it('reads JSON by a JSON schema, and flat records by the settings of rows', async () => {
    const json = registry.register('a', { schema: '{}', schemaType: 'JSON' });
    const text = Buffer.from('{"unique_id":"a","ds":"2026-03-01","y":2}');
    expect((await read(framed(json, text))).points).toEqual([['a', 'value', Date.UTC(2026, 2, 1), 2]]);

    const flat = {
      type: 'record',
      name: 'Reading',
      fields: [
        { name: 'sensor', type: 'string' },
        { name: 'temp', type: 'float' },
      ],
    };
    const id = registry.register('b', { schema: JSON.stringify(flat) });
    const value = framed(id, avro.Type.forSchema(flat as never).toBuffer({ sensor: 's-1', temp: 4.5 }));
    expect(codesOf(await read(value))).toEqual(['UNKNOWN_FORMAT']);
    expect((await read(value, { ROW_ITEM: '{sensor}' })).points).toEqual([['s-1', 'temp', NOW, 4.5]]);
  });

  it('reads the key of a change event by its own schema', async () => {
    const key = { type: 'record', name: 'Key', fields: [{ name: 'id', type: 'int' }] };
    const row = {
      type: 'record',
      name: 'Row',
      fields: [
        { name: 'id', type: 'int' },
        { name: 'level', type: 'double' },
      ],
    };
    const envelope = {
      type: 'record',
      name: 'Envelope',
      fields: [
        { name: 'op', type: 'string' },
        { name: 'after', type: row },
      ],
    };
    const [keyId, valueId] = [key, envelope].map((schema) =>
      registry.register('t', { schema: JSON.stringify(schema) }),
    );
    const value = avro.Type.forSchema(envelope as never).toBuffer({ op: 'c', after: { id: 7, level: 2.5 } });
    const keyBytes = framed(keyId!, avro.Type.forSchema(key as never).toBuffer({ id: 7 }));
    expect((await read(framed(valueId!, value), { ROW_ITEM: 'tank-{id}' }, keyBytes)).points).toEqual([
      ['tank-7', 'level', NOW, 2.5],
    ]);
  });

  it('takes types that a schema refers to from other subjects', async () => {
    registry.register('com.plant.Point', { schema: JSON.stringify({ ...NATIVE, namespace: 'com.plant' }) });
    const references = [{ name: 'com.plant.Observation', subject: 'com.plant.Point', version: 1 }];
    const id = registry.register('list', { schema: '{"type":"array","items":"com.plant.Observation"}', references });
    expect(
      (await read(framed(id, Buffer.concat([Buffer.from([2]), OBSERVATION, Buffer.from([0])])))).points,
    ).toHaveLength(1);
  });

  it.each<[string, (id: number) => Buffer, string, string]>([
    ['an unknown id', () => framed(4_000_000_000, OBSERVATION), 'SCHEMA_UNKNOWN', 'no schema 4000000000'],
    ['a value that is cut', (id) => framed(id, OBSERVATION.subarray(0, -3)), 'MALFORMED_AVRO', 'was it cut short'],
    ['a value of another schema', (id) => framed(id, Buffer.from('no such thing')), 'MALFORMED_AVRO', `schema 1`],
    ['no value', (id) => framed(id, Buffer.alloc(0)), 'MALFORMED_AVRO', 'ends'],
  ])('refuses %s', async (_what, value, code, message) => {
    const id = registry.register('observations-value', { schema: JSON.stringify(NATIVE) });
    const { points, errors } = await read(value(id));
    expect(points).toEqual([]);
    expect(errors).toEqual([{ code, message: expect.stringContaining(message) }]);
  });

  it.each([
    [{ schema: 'syntax = "proto3";', schemaType: 'PROTOBUF' }, 'is of type "PROTOBUF"; send Avro or JSON'],
    [{ schema: '{"type":"record"}' }, "can't be used"],
    [{ schema: 'no JSON' }, "can't be used"],
    [{ schema: '"gone"', references: [{ name: 'gone', subject: 'gone', version: 1 }] }, 'gone version 1 is missing'],
  ])('refuses records of the schema %j', async (schema, message) => {
    const id = registry.register('x', schema);
    expect((await read(framed(id, OBSERVATION))).errors).toEqual([
      { code: 'SCHEMA_UNUSABLE', message: expect.stringContaining(message) },
    ]);
  });

  it('refuses a record without a registry to ask, and says what to set', () => {
    expect(decoded(framed(1, OBSERVATION)).errors).toEqual([
      { code: 'SCHEMA_UNKNOWN', message: expect.stringContaining('set SCHEMA_REGISTRY_URL') },
    ]);
  });
});

describe('SchemaRegistry', () => {
  const record = (id: number) => [{ value: framed(id, OBSERVATION) }];

  it('asks once for a schema, and again after half a minute for one that is not there', async () => {
    let now = 0;
    const schemas = new SchemaRegistry({ url: registry.url }, () => now);
    const id = registry.register('a', { schema: '"int"' });
    for (let i = 0; i < 3; i++)
      await schemas.load([...record(id), ...record(99), { value: null }, { value: Buffer.from('{}') }]);
    expect(registry.requests).toEqual([`GET /schemas/ids/${id}`, 'GET /schemas/ids/99']);

    now = 30_000;
    while (registry.register('a', { schema: `"${registry.requests.push('')}"` }) < 99);
    await schemas.load(record(99));
    expect(schemas.get(99).kind).toBe('unusable');
    expect(registry.requests.at(-1)).toBe('GET /schemas/ids/99');
  });

  it.each([
    [{ username: 'key', password: 's:cret' }, `Basic ${Buffer.from('key:s:cret').toString('base64')}`],
    [{ token: 'abc' }, 'Bearer abc'],
    [{}, undefined],
  ])('shows who it is: %j', async (credentials, authorization) => {
    await new SchemaRegistry({ url: `${registry.url}/`, ...credentials }).load(record(1));
    expect(registry.authorization).toBe(authorization);
    expect(registry.requests).toEqual(['GET /schemas/ids/1']);
  });

  it.each<[string, number, string]>([
    ['an outage', 503, '{"error_code":50003,"message":"leader unknown"}'],
    ['wrong credentials', 401, '{"error_code":401,"message":"Unauthorized"}'],
    ['another server', 404, '<html>not found</html>'],
    ['a wrong path', 404, '{"error_code":404,"message":"HTTP 404 Not Found"}'],
    ['nonsense', 200, '{"hello":"world"}'],
    ['too many requests', 429, ''],
  ])('is unavailable, not wrong, at %s', async (_what, status, body) => {
    registry.answer = (response) => response.writeHead(status).end(body);
    const schemas = new SchemaRegistry({ url: registry.url });
    await expect(schemas.load(record(1))).rejects.toMatchObject({ code: 'SCHEMA_REGISTRY_UNAVAILABLE' });

    registry.answer = undefined;
    registry.register('a', { schema: '"int"' });
    await schemas.load(record(1));
    expect(schemas.get(1).kind).toBe('avro');
  });

  it('is unavailable where nobody listens, and stops asking when told to', async () => {
    const gone = await TestSchemaRegistry.start();
    const { url } = gone;
    await gone.stop();
    await expect(new SchemaRegistry({ url }).load(record(1))).rejects.toMatchObject({
      code: 'SCHEMA_REGISTRY_UNAVAILABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    registry.answer = () => undefined;
    const stopping = new AbortController();
    const asking = new SchemaRegistry({ url: registry.url }).load(record(1), stopping.signal);
    stopping.abort();
    await expect(asking).rejects.toMatchObject({ code: 'SCHEMA_REGISTRY_UNAVAILABLE' });
  });
});
