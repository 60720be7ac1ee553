import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { parseForecastingManifest } from '@app/evaluation';

import { readSeries } from './dataset.js';

describe('readSeries', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dataset-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const entry = (overrides: object) =>
    parseForecastingManifest([
      {
        name: 'toy',
        file: 'toy.csv',
        layout: 'wide',
        freq: 'PT1H',
        seasonality: 1,
        predictionLength: 1,
        split: { kind: 'last', fraction: 0.5 },
        ...overrides,
      },
    ])[0]!;
  const write = (name: string, text: string) =>
    writeFileSync(join(folder, name), name.endsWith('.gz') ? gzipSync(text) : text);

  it('takes each column of a wide file as a channel and an empty cell as a gap', async () => {
    write('toy.csv', 'date,a,b\n2026-01-01 00:00:00,1,\n2026-01-01 01:00:00,2,NaN\n');

    const series = await readSeries(folder, entry({ time: 'date' }));

    expect(series).toEqual([
      { id: 'a', start: Date.parse('2026-01-01T00:00Z'), values: Float64Array.of(1, 2) },
      { id: 'b', start: Date.parse('2026-01-01T00:00Z'), values: Float64Array.of(Number.NaN, Number.NaN) },
    ]);
  });

  it('puts a long file on the grid', async () => {
    write('toy.csv', 'unique_id,ds,y\nx,2026-01-01T00:00,1\ny,2026-01-01T00:00,7\nx,2026-01-01T02:00,3\n');

    const series = await readSeries(folder, entry({ layout: 'long' }));

    expect(series.map(({ id, values }) => [id, ...values])).toEqual([
      ['x', 1, Number.NaN, 3],
      ['y', 7],
    ]);
  });

  it('reads rows with their test file, gzip and quotes included', async () => {
    write('train.csv.gz', '"V1","V2","V3","V4"\n"H1","1","2",\n"H2","3","4","5"\n');
    write('test.csv', '"V1","V2"\n"H1","9"\n"H2","8"\n');

    const split = { kind: 'file', test: 'test.csv' };
    const series = await readSeries(folder, entry({ layout: 'rows', file: 'train.csv.gz', split }));

    expect(series.map(({ id, values, test }) => [id, [...values], [...test!]])).toEqual([
      ['H1', [1, 2], [9]],
      ['H2', [3, 4, 5], [8]],
    ]);
  });

  it.each([
    ['a missing file', undefined, /toy.csv is not there/],
    ['an empty file', 'date,a\n', /no rows/],
    ['text among numbers', 'date,a\n2026-01-01,one\n', /toy.csv row 2, a: one is not a number/],
    ['an unknown time column', 'when,a\n2026-01-01,1\n', /no column date; it has when, a/],
    ['a broken time', 'date,a\nyesterday-ish,1\n', /yesterday-ish is not a time/],
  ])('names the trouble with %s', async (_, text, message) => {
    if (text !== undefined) write('toy.csv', text);

    await expect(readSeries(folder, entry({ time: 'date' }))).rejects.toThrow(message);
  });
});
