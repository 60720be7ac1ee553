import { isAscii, isUtf8 } from 'node:buffer';

import { messageOf, type ErrorCode } from '@app/observability';

import type { JsonObject, ObjectCodec, PointWriter, RecordSink } from './codecs/codec.js';
import { longCodec } from './codecs/long.js';
import { nativeCodec } from './codecs/native.js';
import { declaresAnything, isPlainText, readDeclaration, show } from './declarations.js';
import { toEpochMs } from './timestamps.js';

/** A record with more bytes than this is a dead letter. */
export const MAX_RECORD_BYTES = 1_000_000;
const MAX_RECORD_POINTS = 10_000;
// A record of ten thousand bad points is one bad record, not ten thousand messages to keep.
const MAX_RECORD_ERRORS = 100;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * The most common record, one channel of one moment as serialisers write it. Where it matches, JSON.parse would find
 * exactly these texts (no escapes, no repeated keys), in twice the time and with six more objects to collect.
 */
const SINGLE_POINT =
  // eslint-disable-next-line no-control-regex -- JSON texts hold none
  /^\{"item_id": ?"([^"\\\u0000-\u001f]{1,256})", ?"ts": ?"([^"\\\u0000-\u001f]{1,40})", ?"values": ?\{"([^"\\\u0000-\u001f]{1,256})": ?(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)\}\}$/;

const CODECS: readonly ObjectCodec[] = [nativeCodec, longCodec];

/**
 * Decodes and validates records, one at a time, into a sink: bytes → JSON → the codec that recognises it → points.
 * Errors are values in the sink; nothing that a record can hold makes it throw.
 */
export class RecordDecoder {
  readonly #sink: RecordSink;
  readonly #maxFutureMs: number;
  readonly #writer: PointWriter;
  #latest = 0;
  #element: number | undefined;
  #points = 0;
  #errors = 0;
  #lastCode: ErrorCode = 'UNKNOWN_FORMAT';

  constructor(sink: RecordSink, maxFutureMs: number) {
    this.#sink = sink;
    this.#maxFutureMs = maxFutureMs;
    this.#writer = {
      itemId: (value, name) => this.#itemId(value, name),
      ts: (value, name) => this.#ts(value, name),
      value: (itemId, channel, ts, value, name) => this.#value(itemId, channel, ts, value, name),
      declare: (itemId, channels, record) => this.#declare(itemId, channels, record),
      fail: (code, message, channel) => this.#fail(code, message, channel),
    };
  }

  /** A record as it lies in the log. `now` in epoch milliseconds bounds the future. */
  decode(bytes: Buffer | null, now: number): void {
    this.#start(now);
    this.#guard(() => this.#decodeBytes(bytes));
  }

  /** A record that is parsed already, as an element of an HTTP body. */
  decodeJson(json: unknown, now: number): void {
    this.#start(now);
    this.#guard(() => this.#decodeAny(json));
  }

  #decodeBytes(bytes: Buffer | null): void {
    if (bytes === null || bytes.length === 0) {
      this.#fail('EMPTY_RECORD', 'the record has no value; a tombstone deletes nothing here, leave it out');
      return;
    }
    if (bytes.length > MAX_RECORD_BYTES) {
      this.#fail('RECORD_TOO_LARGE', `the record has ${bytes.length} bytes of at most ${MAX_RECORD_BYTES}; split it`);
      return;
    }
    const text = this.#text(bytes);
    if (text === undefined) return;
    const single = SINGLE_POINT.exec(text);
    if (single) {
      this.#decodeSingle(single[1]!, single[2]!, single[3]!, Number(single[4]));
      return;
    }
    const json = this.#parse(text);
    if (json !== undefined) this.#decodeAny(json);
  }

  #decodeSingle(id: string, time: string, channel: string, value: number): void {
    const itemId = this.#itemId(id, 'item_id');
    const ts = this.#ts(time, 'ts');
    if (itemId !== undefined && ts !== undefined) this.#value(itemId, channel, ts, value, `values.${channel}`);
  }

  #start(now: number): void {
    this.#latest = now + this.#maxFutureMs;
    this.#element = undefined;
    this.#points = 0;
    this.#errors = 0;
  }

  /** A fault of ours costs one record, as a dead letter, rather than the partition behind it. */
  #guard(decode: () => void): void {
    try {
      decode();
    } catch (error) {
      this.#sink.discard();
      this.#errors = 0;
      this.#fail('INTERNAL', `the record could not be decoded: ${messageOf(error)}; send it again after an upgrade`);
    }
    if (this.#errors > MAX_RECORD_ERRORS) this.#tellOmitted();
  }

  #tellOmitted(): void {
    const more = this.#errors - MAX_RECORD_ERRORS;
    this.#sink.fail({ code: this.#lastCode, message: `${more} more errors are not listed` });
  }

  #text(bytes: Buffer): string | undefined {
    const ascii = isAscii(bytes);
    if (!ascii && !isUtf8(bytes)) {
      this.#fail('MALFORMED_JSON', 'the record is not valid UTF-8; encode it as UTF-8 JSON');
      return undefined;
    }
    const text = bytes.toString(ascii ? 'latin1' : 'utf8');
    return text.charCodeAt(0) === 0xfe_ff ? text.slice(1) : text;
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      if (text.trim() === '') this.#fail('EMPTY_RECORD', 'the record is blank; leave it out');
      else this.#fail('MALFORMED_JSON', malformed(text, error));
      return undefined;
    }
  }

  #decodeAny(json: unknown): void {
    if (!Array.isArray(json)) {
      this.#decodeObject(json);
      return;
    }
    if (json.length === 0) this.#fail('EMPTY_RECORD', 'the array has no elements; leave it out');
    for (let i = 0; i < json.length; i++) {
      this.#element = i;
      this.#decodeObject(json[i]);
      if (this.#points > MAX_RECORD_POINTS) break;
    }
    this.#element = undefined;
    if (this.#points > MAX_RECORD_POINTS) this.#refuseTooManyPoints();
  }

  #decodeObject(json: unknown): void {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      this.#fail('UNKNOWN_FORMAT', `${show(json)} is no object; send {"item_id", "ts", "values"} or an array of such`);
      return;
    }
    const record = json as JsonObject;
    const codec = CODECS.find((candidate) => candidate.recognises(record));
    if (!codec) {
      this.#fail('UNKNOWN_FORMAT', `no format fits ${show(record)}; send {"item_id", "ts", "values"}`);
      return;
    }
    codec.decode(record, this.#writer);
    if (this.#element === undefined && this.#points > MAX_RECORD_POINTS) this.#refuseTooManyPoints();
  }

  #refuseTooManyPoints(): void {
    this.#sink.discard();
    this.#errors = 0;
    this.#fail('RECORD_TOO_LARGE', `the record has more than ${MAX_RECORD_POINTS} points; split it`);
  }

  #itemId(value: unknown, name: string): string | undefined {
    if (typeof value === 'string' && isPlainText(value)) return value;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
    const remedy = 'send a text of 1 to 256 printable characters';
    this.#fail('ITEM_ID_INVALID', `${name} ${show(value)} is no item id; ${remedy}`);
    return undefined;
  }

  #ts(value: unknown, name: string): number | undefined {
    const ts = toEpochMs(value);
    if (ts <= this.#latest) return ts;
    if (Number.isNaN(ts)) {
      const remedy = 'send ISO-8601 such as "2026-01-02T03:04:05Z", or a number since the epoch';
      this.#fail('TS_INVALID', `${name} ${show(value)} is no time; ${remedy}`);
    } else {
      const [at, limit] = [new Date(ts).toISOString(), new Date(this.#latest).toISOString()];
      this.#fail(
        'TS_IN_FUTURE',
        `${name} ${at} lies after ${limit}; check the unit and the clock, or raise MAX_FUTURE`,
      );
    }
    return undefined;
  }

  #value(itemId: string, channel: string, ts: number, value: unknown, name: string): void {
    if (++this.#points > MAX_RECORD_POINTS) return;
    if (value === null) return;
    if (!isPlainText(channel)) {
      this.#fail('CHANNEL_INVALID', `channel ${show(channel)} is no name; send 1 to 256 printable characters`);
      return;
    }
    const number = typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number)) {
      // -0 and 0 are one value to whoever compares them.
      this.#sink.point(itemId, channel, ts, number === 0 ? 0 : number);
      return;
    }
    this.#fail('VALUE_NOT_FINITE', `${name} ${show(value)} is no finite number; send null for a gap`, channel);
  }

  #declare(itemId: string, channels: readonly string[], record: JsonObject): void {
    if (!declaresAnything(record)) return;
    const declaration = readDeclaration(record, (code, message) => this.#fail(code, message));
    if (Object.keys(declaration).length > 0) this.#sink.declare(itemId, channels, declaration);
  }

  #fail(code: ErrorCode, message: string, channel?: string): void {
    this.#lastCode = code;
    if (++this.#errors > MAX_RECORD_ERRORS) return;
    const element = this.#element;
    const text = printable(message);
    this.#sink.fail({
      code,
      message: element === undefined ? text : `element ${element}: ${text}`,
      ...(element !== undefined && { element }),
      ...(channel !== undefined && { channel }),
    });
  }
}

function malformed(text: string, error: unknown): string {
  const remedy = /\b(NaN|-?Infinity)\b/.test(text)
    ? 'JSON has no NaN or Infinity: send null for a gap'
    : 'send one JSON object or array a record';
  return `the record is no JSON (${messageOf(error).slice(0, 160)}); ${remedy}`;
}

// Parts of the record get into messages; PostgreSQL and headers take neither control characters nor half characters.
function printable(message: string): string {
  // eslint-disable-next-line no-control-regex -- these are what it removes
  return Buffer.from(message.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd'), 'utf8').toString('utf8');
}
