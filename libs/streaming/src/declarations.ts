import type { ErrorCode } from '@app/observability';
import { Frequency, isTimeZone } from '@app/series';

import type { JsonObject, SeriesDeclaration } from './codecs/codec.js';

const MAX_LABELS = 64;
const MAX_TEXT = 256;

type Fail = (code: ErrorCode, message: string) => void;

/** Whether a record says anything about its series; a look at five keys on the hot path. */
export function declaresAnything(record: JsonObject): boolean {
  return (
    record['labels'] !== undefined ||
    record['freq'] !== undefined ||
    record['season'] !== undefined ||
    record['unit'] !== undefined ||
    record['time_zone'] !== undefined
  );
}

/** The valid declarations of a record; each that is not valid is reported and left out. */
export function readDeclaration(record: JsonObject, fail: Fail): SeriesDeclaration {
  return {
    ...readFreq(record['freq'], fail),
    ...readTimeZone(record['time_zone'], fail),
    ...readSeason(record['season'], fail),
    ...readUnit(record['unit'], fail),
    ...readLabels(record['labels'], fail),
  };
}

function readFreq(value: unknown, fail: Fail): SeriesDeclaration {
  if (absent(value)) return {};
  const freq = typeof value === 'string' ? Frequency.parse(value) : undefined;
  if (freq) return { freq: freq.toString() };
  fail('FREQ_INVALID', `freq ${show(value)} is no ISO-8601 duration of one unit; send one such as "PT15M" or "P1D"`);
  return {};
}

function readTimeZone(value: unknown, fail: Fail): SeriesDeclaration {
  if (absent(value)) return {};
  if (typeof value === 'string' && isTimeZone(value)) return { timeZone: value };
  fail('TIME_ZONE_INVALID', `time_zone ${show(value)} is no IANA zone; send one such as "Europe/Berlin"`);
  return {};
}

function readSeason(value: unknown, fail: Fail): SeriesDeclaration {
  if (absent(value)) return {};
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 100_000) return { season: value };
  fail('INVALID_REQUEST', `season ${show(value)} is no whole number from 1 to 100000; send the points in one season`);
  return {};
}

function readUnit(value: unknown, fail: Fail): SeriesDeclaration {
  if (absent(value)) return {};
  if (typeof value === 'string' && isPlainText(value)) return { unit: value };
  fail('INVALID_REQUEST', `unit ${show(value)} is no text of 1 to ${MAX_TEXT} printable characters`);
  return {};
}

function readLabels(value: unknown, fail: Fail): SeriesDeclaration {
  if (absent(value)) return {};
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  const valid =
    entries.length > 0 &&
    entries.length <= MAX_LABELS &&
    entries.every(([name, text]) => isPlainText(name) && isLabelValue(text));
  if (valid) return { labels: Object.fromEntries(entries.map(([name, text]) => [name, String(text)])) };
  fail(
    'INVALID_REQUEST',
    `labels ${show(value)} must be an object of 1 to ${MAX_LABELS} texts, each of at most ${MAX_TEXT} printable characters`,
  );
  return {};
}

function absent(value: unknown): boolean {
  return value === undefined || value === null;
}

function isLabelValue(value: unknown): boolean {
  if (typeof value === 'string') return isPlainText(value);
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

/** Short, without control characters, well-formed, and no key that JavaScript would take for a prototype. */
export function isPlainText(text: string, maxLength = MAX_TEXT): boolean {
  const { length } = text;
  if (length === 0 || length > maxLength) return false;
  let ascii = true;
  let blank = true;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code < 32 || (code >= 127 && code < 160)) return false;
    if (code > 127) ascii = false;
    if (code !== 32) blank = false;
  }
  return !blank && (ascii || (isWellFormed(text) && text.trim() !== '')) && text !== '__proto__';
}

// A lone surrogate has no UTF-8 form: stored, it would come back as another text.
function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);
}

/** A value for a message, short whatever it is: a record may hold megabytes, or arrays in arrays a million deep. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length <= 60 ? value : `${value.slice(0, 57)}…`);
  if (Array.isArray(value)) return `(an array of ${value.length})`;
  if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value);
    return `(an object with ${keys.length === 0 ? 'no keys' : `the keys ${keys.slice(0, 5).map(show).join(', ')}`})`;
  }
  return value === undefined ? '(missing)' : `${value as number | boolean | null}`;
}
