import type { InlineSeries } from '../../../../forecaster/src/forecast-client.js';
import { invalid } from '../api-error.js';
import { inlineSeries } from '../inline-series.js';
import { readCell, TimeGrid, type RowTime } from './time-column.js';
import type { InferenceRequest, TableSchema } from './watsonx.schema.js';

type Table = Readonly<Record<string, readonly unknown[]>>;
/** A key that no series of another key can have. */
type Id = string | number;

/** Rows of a table that are one series, with all of its targets. */
export interface TableSeries {
  /** Its ids, in the order of the id columns. */
  readonly ids: readonly Id[];
  readonly name: string;
  readonly grid: TimeGrid;
  /** Steps from the first time to the newest, both included. */
  readonly length: number;
  /** One a target, in their order. */
  readonly targets: readonly InlineSeries[];
  /** One a conditional column. */
  readonly helpers: readonly InlineSeries[];
}

/** The columns that are forecast: those named, or all that are nothing else. */
export function targetColumns({ data, schema }: Pick<InferenceRequest, 'data' | 'schema'>): string[] {
  const named = schema.target_columns ?? [];
  if (named.length > 0) return named;
  const others = new Set([
    schema.timestamp_column,
    ...(schema.id_columns ?? []),
    ...(schema.conditional_columns ?? []),
  ]);
  const rest = Object.keys(data).filter((column) => !others.has(column));
  if (rest.length > 0) return rest;
  throw invalid('data has no column that could be forecast; add one, and name it in schema.target_columns');
}

/**
 * The series of a table, in the order of their first rows. Rows may come in any order; missing ones are gaps.
 *
 * @throws PlatformError naming the column and row, or the series, that can't be used.
 */
export function toSeries(request: Pick<InferenceRequest, 'data' | 'schema'>): TableSeries[] {
  const { data, schema } = request;
  const targets = targetColumns(request);
  const helpers = schema.conditional_columns ?? [];
  checkColumns(data, schema, targets);
  const times = data[schema.timestamp_column]!.map((cell, row) => readCell(cell, schema.timestamp_column, row));
  checkOneStyle(times, schema.timestamp_column);
  return [...groupRows(data, schema).values()].map(({ ids, rows }) => {
    const sorted = [...rows].sort((a, b) => times[a]!.at - times[b]!.at);
    const name = ids.length === 0 ? 'series' : ids.join('/');
    const grid = TimeGrid.of(
      sorted.map((row) => times[row]!),
      schema.freq,
      name,
    );
    const steps = grid.steps(name);
    const length = steps.at(-1)! + 1;
    const itemId = ids.length === 0 ? name : JSON.stringify(ids);
    const { named, start } = grid;
    const series = (channel: string) =>
      inlineSeries({ itemId, channel, named, start, target: gridded(data, channel, sorted, steps) });
    return { ids, name, grid, length, targets: targets.map(series), helpers: helpers.map(series) };
  });
}

function checkColumns(data: Table, schema: TableSchema, targets: readonly string[]): void {
  const named = [
    schema.timestamp_column,
    ...(schema.id_columns ?? []),
    ...targets,
    ...(schema.conditional_columns ?? []),
  ];
  const missing = named.find((column) => !Object.hasOwn(data, column));
  if (missing !== undefined) {
    const there = Object.keys(data).slice(0, 20).join(', ');
    throw invalid(`the schema names the column ${JSON.stringify(missing)}, but data has ${there || 'none'}`);
  }
  const twice = named.find((column, i) => named.indexOf(column) !== i);
  if (twice !== undefined) throw invalid(`the schema names the column ${JSON.stringify(twice)} more than once`);
  const rows = data[schema.timestamp_column]!.length;
  if (rows === 0) throw invalid('data has no rows; send the past of each series', 'NO_OBSERVATIONS');
  const odd = named.find((column) => data[column]!.length !== rows);
  if (odd === undefined) return;
  throw invalid(`data.${odd} has ${data[odd]!.length} rows, but data.${schema.timestamp_column} has ${rows}`);
}

function checkOneStyle(times: readonly RowTime[], column: string): void {
  const odd = times.findIndex(({ style }) => (style === 'number') !== (times[0]!.style === 'number'));
  if (odd < 0) return;
  throw invalid(`data.${column} has times and numbers (row ${odd}); write all of them in one way`, 'TS_INVALID');
}

function groupRows(data: Table, { id_columns }: TableSchema): Map<string, { ids: Id[]; rows: number[] }> {
  const groups = new Map<string, { ids: Id[]; rows: number[] }>();
  const columns = id_columns ?? [];
  const rows = Object.values(data)[0]!.length;
  for (let row = 0; row < rows; row++) {
    const ids = columns.map((column) => readId(data[column]![row], column, row));
    const key = JSON.stringify(ids);
    const group = groups.get(key) ?? { ids, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
  }
  return groups;
}

function readId(cell: unknown, column: string, row: number): Id {
  if (typeof cell === 'string' || Number.isSafeInteger(cell)) return cell as Id;
  throw invalid(`data.${column}[${row}] is ${shown(cell)}; an id is a text or a whole number`);
}

/** The values of a column on the grid, null where there is no row. */
function gridded(data: Table, column: string, rows: readonly number[], steps: readonly number[]): (number | null)[] {
  const values = Array<number | null>(steps.at(-1)! + 1).fill(null);
  rows.forEach((row, i) => {
    const cell = data[column]![row];
    if (cell !== null && !Number.isFinite(cell)) {
      throw invalid(
        `data.${column}[${row}] is ${shown(cell)}, no finite number; write null for a gap`,
        'VALUE_NOT_FINITE',
      );
    }
    values[steps[i]!] = cell as number | null;
  });
  return values;
}

function shown(cell: unknown): string {
  return JSON.stringify(cell)?.slice(0, 40) ?? 'nothing';
}
