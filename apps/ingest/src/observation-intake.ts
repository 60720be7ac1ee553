import { setImmediate as nextTurn } from 'node:timers/promises';

import { ERROR_CODES, PlatformError, messageOf, type ErrorCode } from '@app/observability';
import {
  RecordDecoder,
  type ObservationLog,
  type OutgoingRecord,
  type RecordError,
  type RecordSink,
  type SeriesDeclaration,
} from '@app/streaming';

/** What a client is told about its records: an error names its record by place in the body. */
export interface IntakeReceipt {
  readonly accepted: number;
  readonly rejected: number;
  readonly errors: readonly IntakeError[];
}

/** What is wrong with the record at `index` of the body, from 0. */
export interface IntakeError {
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** An element of the body: parsed, or why it could not be. */
export type IntakeElement = { readonly json: unknown } | { readonly error: PlatformError };

const MAX_ERRORS = 1_000;
/** Elements between two turns of the event loop, about 5 ms. */
const TURN_ELEMENTS = 2_000;
/** Longest names and all, a record of so many channels stays below the limit of the log. */
const MAX_CHANNELS = 1_000;

/**
 * Takes records in at the HTTP door: validates each as the consumer will, and appends the usable ones to the log, keyed
 * by item. A record is accepted with its good points; its bad ones are named in the receipt and not stored, as their
 * sender has been told.
 */
export class ObservationIntake {
  constructor(
    private readonly log: ObservationLog,
    private readonly topic: string,
    private readonly maxFutureMs: number,
  ) {}

  /**
   * Resolves when the log has the accepted records durably.
   *
   * @throws PlatformError LOG_UNAVAILABLE, or the first error's code with the whole receipt when nothing can be used.
   */
  async take(elements: readonly IntakeElement[], traceparent: string | undefined, now: number): Promise<IntakeReceipt> {
    const outgoing: OutgoingRecord[] = [];
    const errors: IntakeError[] = [];
    let accepted = 0;
    const sink = new IntakeSink();
    const decoder = new RecordDecoder(sink, this.maxFutureMs);
    for (const [index, element] of elements.entries()) {
      sink.clear();
      if ('error' in element) sink.fail({ code: element.error.code, message: element.error.message });
      else decoder.decodeJson(element.json, now);
      for (const { code, message } of sink.errors) {
        if (errors.length < MAX_ERRORS) errors.push({ index, code, message });
      }
      const records = sink.records(traceparent);
      if (records.length > 0 || sink.errors.length === 0) accepted++;
      outgoing.push(...records);
      if (index % TURN_ELEMENTS === TURN_ELEMENTS - 1) await nextTurn();
    }
    const receipt = { accepted, rejected: elements.length - accepted, errors };
    if (accepted === 0) throw refusal(receipt);
    await this.log.append(this.topic, outgoing);
    return receipt;
  }
}

/** Takes a JSON body apart: an array's elements, or the one object. */
export function elementsOfJson(body: unknown): IntakeElement[] {
  if (body === undefined || body === null) throw emptyBody();
  if (!Array.isArray(body)) return [{ json: body }];
  if (body.length === 0) throw emptyBody();
  return body.map((json: unknown) => ({ json }));
}

/** Takes an NDJSON body apart: one record a line; blank lines are passed over, and not counted. */
export function elementsOfNdjson(body: string): IntakeElement[] {
  const elements: IntakeElement[] = [];
  for (const line of body.split('\n')) {
    const text = line.charCodeAt(0) === 0xfe_ff ? line.slice(1) : line;
    if (text.trim() !== '') elements.push(parseLine(text));
  }
  if (elements.length === 0) throw emptyBody();
  return elements;
}

function parseLine(text: string): IntakeElement {
  try {
    return { json: JSON.parse(text) };
  } catch (error) {
    const message = `the line is no JSON (${messageOf(error).slice(0, 160)}); send one object a line`;
    return { error: new PlatformError('MALFORMED_JSON', message) };
  }
}

function emptyBody(): PlatformError {
  return new PlatformError(
    'EMPTY_RECORD',
    'the body has no records; send {"item_id", "ts", "values"} or an array of such',
  );
}

// The request as a whole is a bad one, whatever status its first error has elsewhere: 400.
function refusal({ accepted, rejected, errors }: IntakeReceipt): PlatformError {
  const [first] = errors;
  const code = first && ERROR_CODES[first.code] === 400 ? first.code : 'INVALID_REQUEST';
  const message = `none of ${rejected} records can be used; the first: ${first?.message ?? ''}`;
  return new PlatformError(code, message, { accepted, rejected, errors });
}

interface MomentPoints {
  readonly itemId: string;
  readonly ts: number;
  readonly values: Map<string, number>;
}

/** Collects the good points of one record and writes them down again as native records, one a moment of an item. */
class IntakeSink implements RecordSink {
  errors: RecordError[] = [];
  #moments: MomentPoints[] = [];
  #declarations = new Map<string, SeriesDeclaration>();

  clear(): void {
    this.errors = [];
    this.#moments = [];
    this.#declarations = new Map();
  }

  point(itemId: string, channel: string, ts: number, value: number): void {
    const last = this.#moments.at(-1);
    const fits = last?.itemId === itemId && last.ts === ts && last.values.size < MAX_CHANNELS;
    if (last && fits && !last.values.has(channel)) last.values.set(channel, value);
    else this.#moments.push({ itemId, ts, values: new Map([[channel, value]]) });
  }

  declare(itemId: string, _channels: readonly string[], declaration: SeriesDeclaration): void {
    this.#declarations.set(itemId, { ...this.#declarations.get(itemId), ...declaration });
  }

  fail(error: RecordError): void {
    this.errors.push(error);
  }

  discard(): void {
    this.clear();
  }

  records(traceparent: string | undefined): OutgoingRecord[] {
    return this.#moments.map(({ itemId, ts, values }) => {
      const { timeZone, ...declaration } = this.#declarations.get(itemId) ?? {};
      const record = {
        item_id: itemId,
        ts: new Date(ts).toISOString(),
        values: Object.fromEntries(values),
        ...declaration,
        ...(timeZone !== undefined && { time_zone: timeZone }),
      };
      const value = Buffer.from(JSON.stringify(record), 'utf8');
      return { key: itemId, value, ...(traceparent !== undefined && { headers: { traceparent } }) };
    });
  }
}
