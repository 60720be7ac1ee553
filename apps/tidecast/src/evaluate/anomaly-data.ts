import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { nabProbation, type AnomalyEntry } from '@app/evaluation';

import { readRows } from './dataset.js';

/** Rows of one set in order of time. A time that is a plain number counts minutes. */
export interface AnomalyRows {
  /** Milliseconds. */
  readonly times: Float64Array;
  /** One array a channel, NaN where missing. */
  readonly channels: readonly Float64Array[];
}

/** A set as detectors see it: rows to learn from, rows to score, and what they are scored by. */
export interface AnomalySet {
  readonly name: string;
  readonly train?: AnomalyRows;
  readonly rows: AnomalyRows;
  readonly labels: Uint8Array;
  /** Rows before this are shown, not scored. */
  readonly evaluateFrom: number;
  readonly vusWindow?: number;
  /** NAB's windows as rows. */
  readonly windows?: readonly (readonly [number, number])[];
}

const MS_PER_MINUTE = 60_000;

/** Reads one set of a manifest. @throws Error naming the file and the column or cell that can't be used. */
export async function readAnomalySet(folder: string, entry: AnomalyEntry): Promise<AnomalySet> {
  const text = await readRows(join(folder, entry.file));
  const labels = Uint8Array.from(column(text, entry.label, entry.file), (cell, row) => {
    if (cell !== '0' && cell !== '1') throw new Error(`${entry.file} row ${row + 2}: label ${cell} is neither 0 nor 1`);
    return Number(cell);
  });
  const { train } = entry;
  const trainText = train?.kind === 'file' ? await readRows(join(folder, train.file)) : undefined;
  return {
    name: entry.name,
    rows: rowsOf(text, entry, entry.file),
    train: trainText && rowsOf(trainText, entry, (train as { file: string }).file),
    labels,
    evaluateFrom: entry.evaluateFrom ?? (train?.kind === 'rows' ? train.rows : 0),
    vusWindow: entry.vusWindow,
  };
}

/** Reads the Numenta Anomaly Benchmark as its repository lays it out: `data/<group>/<file>.csv` and `labels/`. */
export async function readNab(folder: string, progress: (done: number, total: number) => void): Promise<AnomalySet[]> {
  const root = [folder, join(folder, 'nab')].find((path) => existsSync(join(path, 'labels/combined_windows.json')));
  if (root === undefined) {
    throw new Error(
      `--data ${folder}: labels/combined_windows.json is not there; it must be a checkout of numenta/NAB`,
    );
  }
  const all = JSON.parse(readFileSync(join(root, 'labels/combined_windows.json'), 'utf8')) as Record<
    string,
    string[][]
  >;
  const sets: AnomalySet[] = [];
  for (const name of Object.keys(all).sort()) {
    const text = await readRows(join(root, 'data', name));
    const rows = rowsOf(text, { time: 'timestamp', label: '' }, name);
    const windows = all[name]!.map((window) => window.map((time) => rowAt(rows, time, name)) as [number, number]);
    const labels = new Uint8Array(rows.times.length);
    for (const [first, last] of windows) labels.fill(1, first, last + 1);
    sets.push({ name, rows, labels, windows, evaluateFrom: nabProbation(labels.length) });
    progress(sets.length, Object.keys(all).length);
  }
  return sets;
}

function rowAt({ times }: AnomalyRows, time: string, name: string): number {
  const row = times.indexOf(parseTime(time.split('.')[0]!, name));
  if (row < 0) throw new Error(`labels of ${name}: there is no row at ${time}`);
  return row;
}

function rowsOf(text: string[][], entry: { time: string; label: string }, file: string): AnomalyRows {
  const names = text[0]!.filter((name) => name !== entry.time && name !== entry.label);
  if (names.length === 0) throw new Error(`${file} has no channel besides ${text[0]!.join(', ')}`);
  return {
    times: Float64Array.from(column(text, entry.time, file), (cell) => parseTime(cell, file)),
    channels: names.map((name) =>
      Float64Array.from(column(text, name, file), (cell, row) => parseValue(cell, `${file} row ${row + 2}, ${name}`)),
    ),
  };
}

function column([header, ...rows]: string[][], name: string, file: string): string[] {
  const index = header!.indexOf(name);
  if (index < 0) throw new Error(`${file} has no column ${name}; it has ${header!.join(', ')}`);
  return rows.map((row) => (row[index] ?? '').trim());
}

function parseValue(cell: string, place: string): number {
  if (cell === '' || /^(na|nan|null)$/i.test(cell)) return Number.NaN;
  const value = Number(cell);
  if (Number.isNaN(value)) throw new Error(`${place}: ${cell} is not a number`);
  return value;
}

function parseTime(cell: string, file: string): number {
  if (/^\d+(\.\d+)?$/.test(cell)) return Number(cell) * MS_PER_MINUTE;
  const ts = Date.parse(/[zZ]$|[+-]\d\d:?\d\d$/.test(cell) ? cell : `${cell.replace(' ', 'T')}Z`);
  if (Number.isNaN(ts)) throw new Error(`${file}: ${cell} is not a time`);
  return ts;
}
