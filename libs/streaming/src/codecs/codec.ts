import type { ErrorCode } from '@app/observability';

/** What a record says about its series besides the points. Declared values win over inferred ones. */
export interface SeriesDeclaration {
  readonly labels?: Readonly<Record<string, string>>;
  /** ISO-8601 duration, normalised. */
  readonly freq?: string;
  /** Points in the main season, 1 for none. */
  readonly season?: number;
  readonly unit?: string;
  /** IANA name. */
  readonly timeZone?: string;
}

/** Why a record, or a part of it, can't be used. */
export interface RecordError {
  readonly code: ErrorCode;
  /** What is wrong, where, and the remedy. */
  readonly message: string;
  /** Place in the array, where the record is one. */
  readonly element?: number;
  readonly channel?: string;
}

/** Takes what is decoded, in the order of the record. Points that were given remain good when others fail. */
export interface RecordSink {
  /** One valid point: `ts` in whole epoch milliseconds, `value` finite. */
  point(itemId: string, channel: string, ts: number, value: number): void;
  /** Follows the points of the series that it is about. */
  declare(itemId: string, channels: readonly string[], declaration: SeriesDeclaration): void;
  fail(error: RecordError): void;
  /** Takes back everything of the record at hand: points, declarations and errors. */
  discard(): void;
}

/** A JSON object as it was parsed: nothing is known about its members. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What a codec may do with the record at hand. Checks, counts and names the place of errors. */
export interface PointWriter {
  /** When the record was appended, epoch milliseconds, for points without a time of their own; NaN where unknown. */
  readonly recordTs: number;
  /** The record has more points than a record may have: the rest need not be decoded. */
  readonly full: boolean;
  /** The key of the record where it is an object, for formats that say there what a record is about. */
  readonly key: () => JsonObject | undefined;
  /** Errors from here on are about this part of the record; undefined for the whole. */
  element(place: number | undefined): void;
  /** The id, or undefined after reporting why it can't be one. */
  itemId(value: unknown, name: string): string | undefined;
  /** Epoch milliseconds, or undefined after reporting. */
  ts(value: unknown, name: string): number | undefined;
  /** As `ts`, for a time that is read already; `shown` stands for it in a message. */
  ms(ms: number, shown: unknown, name: string): number | undefined;
  /** One channel of one moment; reports a channel or value that can't be used; null is a stated gap. */
  value(itemId: string, channel: string, ts: number, value: unknown, name: string): void;
  declare(itemId: string, channels: readonly string[], record: JsonObject): void;
  fail(code: ErrorCode, message: string, channel?: string): void;
}

/**
 * A format whose record is one object, out of JSON or Avro. The first codec that recognises an object decodes it; a new
 * format is a new codec in the list of `formats.ts`.
 */
export interface ObjectCodec {
  readonly name: string;
  /** By a look at the keys alone. */
  recognises(record: JsonObject): boolean;
  decode(record: JsonObject, writer: PointWriter): void;
}

/** Narrows what was parsed to an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
