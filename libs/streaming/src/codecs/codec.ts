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
  /** The id, or undefined after reporting why it can't be one. */
  itemId(value: unknown, name: string): string | undefined;
  /** Epoch milliseconds, or undefined after reporting. */
  ts(value: unknown, name: string): number | undefined;
  /** One channel of one moment; reports a channel or value that can't be used; null is a stated gap. */
  value(itemId: string, channel: string, ts: number, value: unknown, name: string): void;
  declare(itemId: string, channels: readonly string[], record: JsonObject): void;
  fail(code: ErrorCode, message: string, channel?: string): void;
}

/**
 * A format whose record is one JSON object. The first codec that recognises an object decodes it; a new format is a
 * new codec in the list of `decode.ts`.
 */
export interface ObjectCodec {
  readonly name: string;
  /** By a look at the keys alone. */
  recognises(record: JsonObject): boolean;
  decode(record: JsonObject, writer: PointWriter): void;
}
