import type { ErrorCode } from '@app/observability';

import type { JsonObject, PointWriter, RecordSink } from './codecs/codec.js';
import { declaresAnything, isPlainText, readDeclaration, show } from './declarations.js';
import { toEpochMs } from './timestamps.js';

// A record of ten thousand bad points is one bad record, not ten thousand messages to keep.
const MAX_ERRORS = 100;
/** A longer text is no number that anybody measured; on a megabyte of digits the pattern would take hours. */
const LONGEST_DECIMAL = 400;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Checks what codecs find in a record, and passes it on to a sink: good points as points, everything else as errors. */
export class CheckedWriter implements PointWriter {
  recordTs = Number.NaN;
  key: () => JsonObject | undefined = () => undefined;
  readonly #sink: RecordSink;
  readonly #maxFutureMs: number;
  readonly #maxPoints: number;
  #latest = 0;
  #element: number | undefined;
  #points = 0;
  #errors = 0;
  #lastCode: ErrorCode = 'UNKNOWN_FORMAT';

  constructor(sink: RecordSink, maxFutureMs: number, maxPoints: number) {
    this.#sink = sink;
    this.#maxFutureMs = maxFutureMs;
    this.#maxPoints = maxPoints;
  }

  /** Before a record is decoded. `now` in epoch milliseconds bounds the future. */
  start(now: number): void {
    this.#latest = now + this.#maxFutureMs;
    this.#element = undefined;
    this.#points = 0;
    this.#errors = 0;
  }

  /** After it: a record with too many points is refused as a whole, errors beyond the listed ones are counted. */
  end(): void {
    this.#element = undefined;
    if (this.full) this.discard('RECORD_TOO_LARGE', `the record has more than ${this.#maxPoints} points; split it`);
    if (this.#errors <= MAX_ERRORS) return;
    this.#sink.fail({ code: this.#lastCode, message: `${this.#errors - MAX_ERRORS} more errors are not listed` });
  }

  /** Takes back everything of the record, and reports this instead. */
  discard(code: ErrorCode, message: string): void {
    this.#sink.discard();
    this.#element = undefined;
    this.#points = 0;
    this.#errors = 0;
    this.fail(code, message);
  }

  get full(): boolean {
    return this.#points > this.#maxPoints;
  }

  element(place: number | undefined): void {
    this.#element = place;
  }

  itemId(value: unknown, name: string): string | undefined {
    if (typeof value === 'string' && isPlainText(value)) return value;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
    const remedy = 'send a text of 1 to 256 printable characters';
    this.fail('ITEM_ID_INVALID', `${name} ${show(value)} is no item id; ${remedy}`);
    return undefined;
  }

  ts(value: unknown, name: string): number | undefined {
    return this.ms(toEpochMs(value), value, name);
  }

  ms(ms: number, shown: unknown, name: string): number | undefined {
    if (ms <= this.#latest) return ms;
    if (Number.isNaN(ms)) {
      const remedy = 'send ISO-8601 such as "2026-01-02T03:04:05Z", or a number since the epoch';
      this.fail('TS_INVALID', `${name} ${show(shown)} is no time; ${remedy}`);
    } else {
      const [at, limit] = [new Date(ms).toISOString(), new Date(this.#latest).toISOString()];
      this.fail('TS_IN_FUTURE', `${name} ${at} lies after ${limit}; check the unit and the clock, or raise MAX_FUTURE`);
    }
    return undefined;
  }

  value(itemId: string, channel: string, ts: number, value: unknown, name: string): void {
    if (++this.#points > this.#maxPoints) return;
    if (value === null) return;
    if (!isPlainText(channel)) {
      this.fail('CHANNEL_INVALID', `channel ${show(channel)} is no name; send 1 to 256 printable characters`);
      return;
    }
    const number = typeof value === 'string' && isDecimal(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number)) {
      // -0 and 0 are one value to whoever compares them.
      this.#sink.point(itemId, channel, ts, number === 0 ? 0 : number);
      return;
    }
    this.fail('VALUE_NOT_FINITE', `${name} ${show(value)} is no finite number; send null for a gap`, channel);
  }

  declare(itemId: string, channels: readonly string[], record: JsonObject): void {
    if (!declaresAnything(record)) return;
    const declaration = readDeclaration(record, (code, message) => this.fail(code, message));
    const named = channels.filter((channel) => isPlainText(channel));
    if (named.length > 0 && Object.keys(declaration).length > 0) this.#sink.declare(itemId, named, declaration);
  }

  fail(code: ErrorCode, message: string, channel?: string): void {
    this.#lastCode = code;
    if (++this.#errors > MAX_ERRORS) return;
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

function isDecimal(text: string): boolean {
  return text.length <= LONGEST_DECIMAL && DECIMAL.test(text);
}

// Parts of the record get into messages; PostgreSQL and headers take neither control characters nor half characters.
function printable(message: string): string {
  // eslint-disable-next-line no-control-regex -- these are what it removes
  return Buffer.from(message.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd'), 'utf8').toString('utf8');
}
