import { isAscii, isUtf8 } from 'node:buffer';

import { messageOf } from '@app/observability';

import { CheckedWriter } from './checked-writer.js';
import { isObject, type JsonObject, type RecordSink } from './codecs/codec.js';
import { isWireFormat, payloadOf, schemaIdOf } from './codecs/confluent/wire-format.js';
import { looksLikeLines } from './codecs/line-protocol/line-protocol.js';
import { looksLikeOtlp } from './codecs/otlp/protobuf.js';
import { show } from './declarations.js';
import { FORMATS, FORMAT_HEADER, type Format, type RecordFormats } from './formats.js';
import { headerText, type LogRecord } from './observation-log.js';

/** What a record may be at most. */
export interface RecordLimits {
  readonly bytes: number;
  readonly points: number;
}

/** A record with more bytes than this is a dead letter. */
export const MAX_RECORD_BYTES = 1_000_000;
const LOG_LIMITS: RecordLimits = { bytes: MAX_RECORD_BYTES, points: 10_000 };
const OPEN_OBJECT = 0x7b;
const TOMBSTONE = 'the record has no value; a tombstone deletes nothing here, leave it out';

/**
 * The most common record, one channel of one moment as serialisers write it. Where it matches, JSON.parse would find
 * exactly these texts (no escapes, no repeated keys), in twice the time and with six more objects to collect.
 */
const SINGLE_POINT =
  // eslint-disable-next-line no-control-regex -- JSON texts hold none
  /^\{"item_id": ?"([^"\\\u0000-\u001f]{1,256})", ?"ts": ?"([^"\\\u0000-\u001f]{1,40})", ?"values": ?\{"([^"\\\u0000-\u001f]{1,256})": ?(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)\}\}$/;

/**
 * Decodes and validates records, one at a time, into a sink: bytes → their format → the codec that recognises the object
 * → points. Errors are values in the sink; nothing that a record can hold makes it throw.
 */
export class RecordDecoder {
  readonly #formats: RecordFormats;
  readonly #limits: RecordLimits;
  readonly #writer: CheckedWriter;
  #key: Buffer | null = null;

  constructor(sink: RecordSink, maxFutureMs: number, formats: RecordFormats, limits: RecordLimits = LOG_LIMITS) {
    this.#formats = formats;
    this.#limits = limits;
    this.#writer = new CheckedWriter(sink, maxFutureMs, limits.points);
    this.#writer.key = () => this.#keyOf(this.#key);
  }

  /**
   * A record as it lies in the log. `now` in epoch milliseconds bounds the future. The schema of a record in Confluent's
   * wire format must have been loaded, see `RecordFormats.prepared`.
   */
  decode(record: Omit<LogRecord, 'offset'>, now: number): void {
    this.#writer.recordTs = record.timestamp >= 0 ? record.timestamp : Number.NaN;
    this.#key = record.key;
    this.#guard(now, () => this.#decodeRecord(record));
  }

  /** A record that is parsed already, as an element of an HTTP body. */
  decodeJson(json: unknown, now: number): void {
    this.#writer.recordTs = now;
    this.#key = null;
    this.#guard(now, () => this.#decodeAny(json));
  }

  /** One line of line protocol, as an element of an HTTP body. */
  decodeLine(line: string, now: number): void {
    this.#writer.recordTs = now;
    this.#guard(now, () => this.#formats.lines.decodeLine(line, this.#writer));
  }

  /** A fault of ours costs one record, as a dead letter, rather than the partition behind it. */
  #guard(now: number, decode: () => void): void {
    const writer = this.#writer;
    writer.start(now);
    try {
      decode();
    } catch (error) {
      const remedy = 'send it again after an upgrade';
      writer.discard('INTERNAL', `the record could not be decoded: ${messageOf(error)}; ${remedy}`);
    }
    writer.end();
  }

  #decodeRecord({ value, headers }: Omit<LogRecord, 'offset'>): void {
    if (value === null || value.length === 0) {
      // Debezium's connectors let a tombstone follow a deletion; their keys are objects.
      if (this.#keyOf(this.#key) === undefined) this.#writer.fail('EMPTY_RECORD', TOMBSTONE);
      return;
    }
    const { bytes } = this.#limits;
    if (value.length > bytes) {
      this.#writer.fail('RECORD_TOO_LARGE', `the record has ${value.length} bytes of at most ${bytes}; split it`);
      return;
    }
    const said = headers[FORMAT_HEADER] === undefined ? this.#formats.fixed : headerText(headers, FORMAT_HEADER);
    if (said === undefined) this.#detect(value);
    else this.#decodeAs(said, value);
  }

  #detect(bytes: Buffer): void {
    if (bytes[0] === OPEN_OBJECT) {
      this.#decodeAs('json', bytes);
      return;
    }
    if (isWireFormat(bytes)) {
      this.#decodeAs('confluent', bytes);
      return;
    }
    // A line feed may as well begin a text.
    if (looksLikeOtlp(bytes) && !isJson(bytes)) {
      this.#decodeAs('otlp', bytes);
      return;
    }
    const text = this.#text(bytes);
    if (text === undefined) return;
    if (!/^\s*[[{]/.test(text) && looksLikeLines(text)) this.#formats.lines.decode(text, this.#writer);
    else this.#decodeText(text);
  }

  #decodeAs(format: string, bytes: Buffer): void {
    switch (format as Format) {
      case 'otlp':
        this.#formats.otlp.decodeProtobuf(bytes, this.#writer);
        return;
      case 'confluent':
        this.#decodeConfluent(bytes);
        return;
      case 'json':
      case 'line-protocol': {
        const text = this.#text(bytes);
        if (text === undefined) return;
        if (format === 'json') this.#decodeText(text);
        else this.#formats.lines.decode(text, this.#writer);
        return;
      }
      default: {
        const known = FORMATS.join(', ');
        this.#writer.fail('UNKNOWN_FORMAT', `the header ${FORMAT_HEADER} says ${show(format)}; send one of ${known}`);
      }
    }
  }

  #decodeConfluent(bytes: Buffer): void {
    if (!isWireFormat(bytes)) {
      const remedy = 'send a zero, the id of its schema in four bytes, and the value';
      this.#writer.fail('MALFORMED_AVRO', `the record is not in Confluent's wire format; ${remedy}`);
      return;
    }
    const id = schemaIdOf(bytes);
    const schema = this.#formats.schemas.get(id);
    if (schema.kind === 'unusable') this.#writer.fail(schema.code, schema.message);
    else if (schema.kind === 'json') {
      const text = this.#text(payloadOf(bytes));
      if (text !== undefined) this.#decodeText(text);
    } else {
      let value: unknown;
      try {
        value = schema.read(payloadOf(bytes));
      } catch (error) {
        const remedy = 'was it cut short, or written with another schema?';
        this.#writer.fail('MALFORMED_AVRO', `the record is not as schema ${id} says (${messageOf(error)}); ${remedy}`);
        return;
      }
      this.#decodeAny(value);
    }
  }

  #text(bytes: Buffer): string | undefined {
    const ascii = isAscii(bytes);
    if (!ascii && !isUtf8(bytes)) {
      this.#writer.fail('MALFORMED_JSON', 'the record is not valid UTF-8; encode it as UTF-8 JSON');
      return undefined;
    }
    const text = bytes.toString(ascii ? 'latin1' : 'utf8');
    return text.charCodeAt(0) === 0xfe_ff ? text.slice(1) : text;
  }

  #decodeText(text: string): void {
    const single = SINGLE_POINT.exec(text);
    if (single) {
      this.#decodeSingle(single[1]!, single[2]!, single[3]!, Number(single[4]));
      return;
    }
    const json = this.#parse(text);
    if (json !== undefined) this.#decodeAny(json);
  }

  #decodeSingle(id: string, time: string, channel: string, value: number): void {
    const writer = this.#writer;
    const itemId = writer.itemId(id, 'item_id');
    const ts = writer.ts(time, 'ts');
    if (itemId !== undefined && ts !== undefined) writer.value(itemId, channel, ts, value, `values.${channel}`);
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      if (text.trim() === '') this.#writer.fail('EMPTY_RECORD', 'the record is blank; leave it out');
      else this.#writer.fail('MALFORMED_JSON', malformed(text, error));
      return undefined;
    }
  }

  #decodeAny(json: unknown): void {
    if (!Array.isArray(json)) {
      this.#decodeObject(json);
      return;
    }
    if (json.length === 0) this.#writer.fail('EMPTY_RECORD', 'the array has no elements; leave it out');
    for (let i = 0; i < json.length && !this.#writer.full; i++) {
      this.#writer.element(i);
      this.#decodeObject(json[i]);
    }
    this.#writer.element(undefined);
  }

  #decodeObject(json: unknown): void {
    if (!isObject(json)) {
      const remedy = 'send {"item_id", "ts", "values"} or an array of such';
      this.#writer.fail('UNKNOWN_FORMAT', `${show(json)} is no object; ${remedy}`);
      return;
    }
    const codec = this.#formats.objects.find((candidate) => candidate.recognises(json));
    if (codec) codec.decode(json, this.#writer);
    else this.#writer.fail('UNKNOWN_FORMAT', `no format fits ${show(json)}; send {"item_id", "ts", "values"}`);
  }

  /** The key of a record, where it is an object in JSON or Avro. */
  #keyOf(key: Buffer | null): JsonObject | undefined {
    if (key === null || key.length === 0) return undefined;
    try {
      const value: unknown = isWireFormat(key) ? this.#readKey(key) : JSON.parse(key.toString('utf8'));
      return isObject(value) ? value : undefined;
    } catch {
      // A key is whatever its producer likes: only one of an object says something here.
      return undefined;
    }
  }

  #readKey(key: Buffer): unknown {
    const schema = this.#formats.schemas.get(schemaIdOf(key));
    if (schema.kind === 'avro') return schema.read(payloadOf(key));
    return schema.kind === 'json' ? JSON.parse(payloadOf(key).toString('utf8')) : undefined;
  }
}

function isJson(bytes: Buffer): boolean {
  const text = bytes.toString('utf8');
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function malformed(text: string, error: unknown): string {
  const remedy = /\b(NaN|-?Infinity)\b/.test(text)
    ? 'JSON has no NaN or Infinity: send null for a gap'
    : 'send one JSON object or array a record';
  return `the record is no JSON (${messageOf(error).slice(0, 160)}); ${remedy}`;
}
