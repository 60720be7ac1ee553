import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';

import type { EvaluationSeries, ForecastingEntry } from '@app/evaluation';
import { Frequency } from '@app/series';
import { parse } from 'csv-parse';

/**
 * Reads the series of one set, `.csv` or `.csv.gz`. An empty cell is a gap.
 *
 * @throws Error naming the file, the row and the cell that can't be used.
 */
export async function readSeries(folder: string, entry: ForecastingEntry): Promise<EvaluationSeries[]> {
  const rows = await readRows(join(folder, entry.file));
  switch (entry.layout) {
    case 'wide':
      return wideSeries(rows, entry);
    case 'long':
      return longSeries(rows, entry);
    case 'rows':
      return rowSeries(rows, entry, await testRows(folder, entry));
  }
}

/** The header, then all rows, as text. */
export async function readRows(file: string): Promise<string[][]> {
  if (!existsSync(file)) throw new Error(`${file} is not there; --data names the folder of the sets`);
  const parser = parse({ relaxColumnCount: true, skipEmptyLines: true, bom: true });
  const source = createReadStream(file);
  const text = file.endsWith('.gz') ? source.pipe(createGunzip()) : source;
  source.on('error', (error: Error) => parser.destroy(error));
  text.on('error', (error: Error) => parser.destroy(new Error(`${file}: ${error.message}`, { cause: error })));

  const rows: string[][] = [];
  for await (const row of text.pipe(parser)) rows.push(row as string[]);
  if (rows.length < 2) throw new Error(`${file} has no rows below its header`);
  return rows;
}

/** A time column and one column a channel. */
function wideSeries([header, ...rows]: string[][], entry: ForecastingEntry): EvaluationSeries[] {
  const time = columnIndex(header!, entry.time ?? header![0]!, entry);
  const start = parseTime(rows[0]![time]!, entry);
  return header!.flatMap((id, column) =>
    column === time
      ? []
      : [{ id, start, values: Float64Array.from(rows, (row, i) => parseCell(row[column], entry, i, id)) }],
  );
}

/** `unique_id, ds, y`; rows of one series stand in order of time, holes in the grid are gaps. */
function longSeries([header, ...rows]: string[][], entry: ForecastingEntry): EvaluationSeries[] {
  const [id, ds, y] = ['unique_id', 'ds', 'y'].map((name) => columnIndex(header!, name, entry)) as [
    number,
    number,
    number,
  ];
  const freq = Frequency.parse(entry.freq)!;
  const points = new Map<string, { ts: number; value: number }[]>();
  rows.forEach((row, i) => {
    const point = { ts: parseTime(row[ds]!, entry), value: parseCell(row[y], entry, i, row[id]!) };
    const list = points.get(row[id]!);
    if (list) list.push(point);
    else points.set(row[id]!, [point]);
  });
  return [...points].map(([series, list]) => {
    const start = list[0]!.ts;
    const values = new Float64Array(freq.stepsBetween(start, list.at(-1)!.ts) + 1).fill(Number.NaN);
    for (const { ts, value } of list) values[freq.stepsBetween(start, ts)] = value;
    return { id: series, start, values };
  });
}

/** An id and then values (M4): the series have no dates. */
function rowSeries(rows: string[][], entry: ForecastingEntry, test?: ReadonlyMap<string, Float64Array>) {
  return rowValues(rows, entry).map(([id, values]) => ({ id, start: 0, values, test: test?.get(id) }));
}

async function testRows(
  folder: string,
  entry: ForecastingEntry,
): Promise<ReadonlyMap<string, Float64Array> | undefined> {
  if (entry.split.kind !== 'file') return undefined;
  return new Map(rowValues(await readRows(join(folder, entry.split.test)), entry));
}

function rowValues([, ...rows]: string[][], entry: ForecastingEntry): [id: string, values: Float64Array][] {
  return rows.map(([id, ...cells], row) => {
    const values = Float64Array.from(cells, (cell) => parseCell(cell, entry, row, id!));
    // Rows are padded to the longest with empty cells.
    return [id!, values.subarray(0, values.findLastIndex((value) => !Number.isNaN(value)) + 1)];
  });
}

function columnIndex(header: readonly string[], name: string, entry: ForecastingEntry): number {
  const index = header.indexOf(name);
  if (index < 0) throw new Error(`${entry.file} has no column ${name}; it has ${header.join(', ')}`);
  return index;
}

function parseCell(cell: string | undefined, entry: ForecastingEntry, row: number, column: string): number {
  if (cell === undefined || cell.trim() === '' || /^(na|nan|null)$/i.test(cell)) return Number.NaN;
  const value = Number(cell);
  // Row 1 is the header, as a spreadsheet counts.
  if (!Number.isFinite(value)) throw new Error(`${entry.file} row ${row + 2}, ${column}: ${cell} is not a number`);
  return value;
}

function parseTime(text: string, entry: ForecastingEntry): number {
  const ts = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text.replace(' ', 'T')}Z`);
  const ms = Number.isNaN(ts) ? Date.parse(`${text} UTC`) : ts;
  if (Number.isNaN(ms)) throw new Error(`${entry.file}: ${text} is not a time`);
  return ms;
}
