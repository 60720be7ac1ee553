import { useDatabase } from '../../../test/support/database.js';
import { byteaArray, float8Array, int2Array, int4Array, textArray, timestamptzArray } from './index.js';

const database = useDatabase();

async function roundTrip(type: string, parameter: Buffer, text = 'v::text'): Promise<(string | null)[]> {
  const rows: { v: string | null }[] = await database().dataSource.query(
    `SELECT ${text} AS v FROM unnest($1::${type}[]) WITH ORDINALITY AS t (v, place) ORDER BY place`,
    [parameter],
  );
  return rows.map(({ v }) => v);
}

describe('binary array parameters', () => {
  it('carry integers', async () => {
    expect(await roundTrip('int4', int4Array([0, -1, 2_147_483_647, -2_147_483_648]))).toEqual([
      '0',
      '-1',
      '2147483647',
      '-2147483648',
    ]);
    expect(await roundTrip('int2', int2Array(Int16Array.of(0, 7, -32_768)))).toEqual(['0', '7', '-32768']);
  });

  it('carry doubles to the last bit', async () => {
    const values = [0, -1.5, 0.1, 1e308, 5e-324, 1_234_567_890_123.456];
    expect((await roundTrip('float8', float8Array(values))).map(Number)).toEqual(values);
  });

  it('carry times to the millisecond, before 2000 and far away', async () => {
    const times = [
      '2026-01-02T03:04:05.678Z',
      '1999-12-31T23:59:59.999Z',
      '2000-01-01T00:00:00.000Z',
      '1970-01-01T00:00:00.001Z',
    ];
    const far = ['0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z', '1714-09-12T00:00:00.000Z'];
    const all = [...times, ...far];
    const sent = timestamptzArray(all.map((time) => Date.parse(time)));
    const format = `to_char(v AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
    expect(await roundTrip('timestamptz', sent, format)).toEqual(all);
  });

  it('carry text, nulls and bytes; NUL, which PostgreSQL can not hold, is left out', async () => {
    expect(await roundTrip('text', textArray(['a', null, '', '泵 🛢 "\\{},', 'x\0y', '\ud83d']))).toEqual([
      'a',
      null,
      '',
      '泵 🛢 "\\{},',
      'xy',
      '\ufffd',
    ]);
    expect(
      await roundTrip('bytea', byteaArray([Buffer.from([0, 255]), null, Buffer.alloc(0)]), `encode(v, 'hex')`),
    ).toEqual(['00ff', null, '']);
  });

  it('carry nothing', async () => {
    expect(await roundTrip('int4', int4Array([]))).toEqual([]);
    expect(await roundTrip('text', textArray([]))).toEqual([]);
  });
});
