import { durationMs } from './format.js';

/** A file as a table of texts; the first row names the columns. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A series that comes along with `POST /forecasts`. */
export interface InlineSeries {
  readonly freq: string;
  readonly start: string;
  readonly target: readonly (number | null)[];
}

/** What is wrong with a file, for the person who has it. */
export class FileError extends Error {}

const DAY = 86_400_000;
const FREQUENCIES = [
  'PT1S',
  'PT5S',
  'PT10S',
  'PT15S',
  'PT30S',
  'PT1M',
  'PT2M',
  'PT5M',
  'PT10M',
  'PT15M',
  'PT20M',
  'PT30M',
  'PT1H',
  'PT2H',
  'PT3H',
  'PT4H',
  'PT6H',
  'PT8H',
  'PT12H',
  'P1D',
  'P1W',
  'P1M',
  'P3M',
  'P1Y',
];
/** Calendar steps have several lengths; others are met to a hundredth. */
const TOLERANCE: Readonly<Record<string, number>> = { P1M: 0.1, P3M: 0.05, P1Y: 0.02 };
const MISSING = new Set(['', 'na', 'n/a', 'nan', 'null', 'none', '-']);
/** No model sees more, and the answer comes sooner. */
const MOST_POINTS = 5_000;
const ZONE = /(Z|[+-]\d\d:?\d\d)$/i;

/** Columns that hold times, and those that hold numbers, by their first rows. */
export function columnKinds({ columns, rows }: Table): { times: number[]; numbers: number[] } {
  const sample = rows.slice(0, 50);
  const are = (test: (text: string) => boolean) => (_name: string, i: number) => {
    const texts = sample.map((row) => row[i]?.trim() ?? '').filter((text) => !MISSING.has(text.toLowerCase()));
    return texts.length > 0 && texts.every(test);
  };
  const indexes = columns.map((_name, i) => i);
  const times = indexes.filter((i) => are((text) => !Number.isNaN(timeOf(text)))('', i));
  return {
    times,
    numbers: indexes.filter((i) => !times.includes(i) && are((text) => Number.isFinite(numberOf(text)))('', i)),
  };
}

/**
 * The series of one column, on the grid of the spacing that most of its points have; what is missing on it is null. Times
 * without a zone are UTC.
 *
 * @param time index of the column of times; undefined where the file has none: then a row is a day.
 * @throws FileError naming the row.
 */
export function seriesOf(table: Table, time: number | undefined, value: number): InlineSeries {
  const points = table.rows.map((row, i) => ({
    ms: time === undefined ? Date.UTC(2024, 0, 1) + i * DAY : readTime(row[time] ?? '', i),
    value: readValue(row[value] ?? '', i),
  }));
  if (points.length < 2) throw new FileError('The file needs at least two rows below its header.');
  points.sort((a, b) => a.ms - b.ms);
  const last = points.slice(-MOST_POINTS);
  const freq = time === undefined ? 'P1D' : spacingOf(last.map(({ ms }) => ms));
  return { freq, start: new Date(last[0]!.ms).toISOString(), target: onGrid(last, freq) };
}

function readTime(text: string, row: number): number {
  const ms = timeOf(text.trim());
  if (!Number.isNaN(ms)) return ms;
  throw new FileError(
    `Row ${row + 2}: “${text.slice(0, 40)}” is no time; write it as 2026-01-31 or 2026-01-31T12:00:00Z.`,
  );
}

function readValue(text: string, row: number): number | null {
  if (MISSING.has(text.trim().toLowerCase())) return null;
  const value = numberOf(text.trim());
  if (Number.isFinite(value)) return value;
  throw new FileError(`Row ${row + 2}: “${text.slice(0, 40)}” is no number; leave the cell empty for a gap.`);
}

function timeOf(text: string): number {
  if (!/^\d{4}-\d\d?(-\d\d?)?([T ]|$)/.test(text)) return Number.NaN;
  const iso = text.replace(' ', 'T');
  return Date.parse(iso.includes('T') && !ZONE.test(iso) ? `${iso}Z` : iso);
}

// 1,5 is one and a half; 1,234.5 has a thousand.
function numberOf(text: string): number {
  if (text === '') return Number.NaN;
  return Number(/^-?\d+,\d+$/.test(text) ? text.replace(',', '.') : text.replaceAll(/(?<=\d),(?=\d{3})/g, ''));
}

function spacingOf(times: readonly number[]): string {
  const gaps = times
    .slice(1)
    .map((ms, i) => ms - times[i]!)
    .filter((gap) => gap > 0)
    .toSorted((a, b) => a - b);
  const usual = gaps[Math.floor(gaps.length / 2)];
  if (usual === undefined) throw new FileError('All rows have the same time.');
  const freq = FREQUENCIES.find((text) => Math.abs(usual / durationMs(text)! - 1) <= (TOLERANCE[text] ?? 0.01));
  if (freq) return freq;
  if (usual % DAY === 0) return `P${usual / DAY}D`;
  if (usual % 1_000 === 0) return `PT${usual / 1_000}S`;
  throw new FileError(`The usual distance of two rows is ${usual / 1_000} seconds; it has to be whole seconds.`);
}

function onGrid(points: readonly { ms: number; value: number | null }[], freq: string): (number | null)[] {
  const first = points[0]!.ms;
  const target: (number | null)[] = [];
  for (const { ms, value } of points) {
    const place = placeOf(ms, first, freq);
    if (place >= 4 * MOST_POINTS)
      throw new FileError(`There is a gap of too many steps before ${new Date(ms).toISOString()}.`);
    while (target.length < place) target.push(null);
    target[place] = value;
  }
  return target;
}

function placeOf(ms: number, first: number, freq: string): number {
  const months = { P1M: 1, P3M: 3, P1Y: 12 }[freq];
  if (months === undefined) return Math.round((ms - first) / durationMs(freq)!);
  const [from, to] = [new Date(first), new Date(ms)];
  return Math.round(
    ((to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth()) / months,
  );
}
