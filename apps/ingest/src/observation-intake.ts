import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Access } from '@app/access';
import { ERROR_CODES, PlatformError, messageOf, type ErrorCode } from '@app/observability';
import {
  FORMAT_HEADER,
  RecordDecoder,
  linesOf,
  type Format,
  type ObservationLog,
  type OutgoingRecord,
  type RecordError,
  type RecordFormats,
  type RecordLimits,
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

/** An element of the body: parsed JSON, a line of line protocol, a record as it would lie in the log, or why it is none. */
export type IntakeElement =
  | { readonly json: unknown }
  | { readonly line: string }
  | { readonly bytes: Buffer; readonly format?: Format }
  | { readonly error: PlatformError };

/** Who sends, as part of which trace, and when: `now` in epoch milliseconds bounds the future. */
export interface IntakeContext {
  readonly access: Access;
  readonly traceparent: string | undefined;
  readonly now: number;
}

const MAX_ERRORS = 1_000;
/** Elements between two turns of the event loop, about 5 ms. */
const TURN_ELEMENTS = 2_000;
/** Longest names and all, a record of so many channels stays below the limit of the log. */
const MAX_CHANNELS = 1_000;
/** The body has its own limit, and what is taken in is cut into small records: a collector may send large batches. */
const DOOR_LIMITS: RecordLimits = { bytes: Number.POSITIVE_INFINITY, points: 100_000 };

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
    private readonly formats: RecordFormats,
  ) {}

  /**
   * Resolves when the log has the accepted records durably.
   *
   * @throws PlatformError LOG_UNAVAILABLE, SCHEMA_REGISTRY_UNAVAILABLE, or the first error's code with the whole receipt when nothing can be used.
   */
  async take(elements: readonly IntakeElement[], { access, traceparent, now }: IntakeContext): Promise<IntakeReceipt> {
    await this.formats.schemas.load(
      elements.flatMap((element) => ('bytes' in element ? [{ value: element.bytes }] : [])),
    );
    const outgoing: OutgoingRecord[] = [];
    const errors: IntakeError[] = [];
    let accepted = 0;
    const sink = new IntakeSink(access);
    const decoder = new RecordDecoder(sink, this.maxFutureMs, this.formats, DOOR_LIMITS);
    for (const [index, element] of elements.entries()) {
      sink.clear();
      decodeElement(element, decoder, sink, now);
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

function decodeElement(element: IntakeElement, decoder: RecordDecoder, sink: RecordSink, now: number): void {
  if ('error' in element) sink.fail({ code: element.error.code, message: element.error.message });
  else if ('json' in element) decoder.decodeJson(element.json, now);
  else if ('line' in element) decoder.decodeLine(element.line, now);
  else {
    const headers = element.format === undefined ? {} : { [FORMAT_HEADER]: element.format };
    decoder.decode({ value: element.bytes, key: null, headers, timestamp: now }, now);
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

/** Takes a body of line protocol apart: a record a line; blank lines and comments are passed over, and not counted. */
export function elementsOfLines(body: string): IntakeElement[] {
  const lines = linesOf(body);
  if (lines.length === 0) throw emptyBody();
  return lines.map((line) => ({ line }));
}

function parseLine(text: string): IntakeElement {
  try {
    return { json: JSON.parse(text) };
  } catch (error) {
    const message = `the line is no JSON (${messageOf(error).slice(0, 160)}); send one object a line`;
    return { error: new PlatformError('MALFORMED_JSON', message) };
  }
}

/** The error of a body without records. */
export function emptyBody(): PlatformError {
  return new PlatformError(
    'EMPTY_RECORD',
    'the body has no records; send {"item_id", "ts", "values"} or an array of such',
  );
}

const OF_THE_REQUEST = new Set<number>([400, 403]);

// The request as a whole is a bad one, whatever status its first error has elsewhere: 400, unless it is not allowed.
function refusal({ accepted, rejected, errors }: IntakeReceipt): PlatformError {
  const [first] = errors;
  const code = first && OF_THE_REQUEST.has(ERROR_CODES[first.code]) ? first.code : 'INVALID_REQUEST';
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
  /** By item and channel: what formats with components declare differs between the channels of one item. */
  #declarations = new Map<string, Map<string, SeriesDeclaration>>();
  #forbidden = new Set<string>();

  constructor(private readonly access: Access) {}

  clear(): void {
    this.errors = [];
    this.#moments = [];
    this.#declarations = new Map();
    this.#forbidden = new Set();
  }

  point(itemId: string, channel: string, ts: number, value: number): void {
    if (!this.access.mayTouch(itemId)) {
      this.#forbid(itemId);
      return;
    }
    const last = this.#moments.at(-1);
    const fits = last?.itemId === itemId && last.ts === ts && last.values.size < MAX_CHANNELS;
    if (last && fits && !last.values.has(channel)) last.values.set(channel, value);
    else this.#moments.push({ itemId, ts, values: new Map([[channel, value]]) });
  }

  declare(itemId: string, channels: readonly string[], declaration: SeriesDeclaration): void {
    const ofItem = this.#declarations.get(itemId) ?? new Map<string, SeriesDeclaration>();
    this.#declarations.set(itemId, ofItem);
    for (const channel of channels) ofItem.set(channel, { ...ofItem.get(channel), ...declaration });
  }

  fail(error: RecordError): void {
    this.errors.push(error);
  }

  discard(): void {
    this.clear();
  }

  records(traceparent: string | undefined): OutgoingRecord[] {
    return this.#moments.flatMap((moment) =>
      this.#byDeclaration(moment).map(([declaration, values]) => {
        const { itemId, ts } = moment;
        const { timeZone, ...declared } = declaration;
        const record = {
          item_id: itemId,
          ts: new Date(ts).toISOString(),
          values: Object.fromEntries(values),
          ...declared,
          ...(timeZone !== undefined && { time_zone: timeZone }),
        };
        const value = Buffer.from(JSON.stringify(record), 'utf8');
        return { key: itemId, value, ...(traceparent !== undefined && { headers: { traceparent } }) };
      }),
    );
  }

  #forbid(itemId: string): void {
    if (this.#forbidden.has(itemId)) return;
    this.#forbidden.add(itemId);
    const message = `the key "${this.access.caller.name}" is not for the item ${JSON.stringify(itemId)}; use one that is`;
    this.fail({ code: 'ITEM_FORBIDDEN', message });
  }

  /** The values of a moment, those apart whose channels have other declarations. */
  #byDeclaration({ itemId, values }: MomentPoints): [SeriesDeclaration, [string, number][]][] {
    const ofItem = this.#declarations.get(itemId);
    if (!ofItem) return [[{}, [...values]]];
    const groups = new Map<string, [SeriesDeclaration, [string, number][]]>();
    for (const [channel, value] of values) {
      const declaration = ofItem.get(channel) ?? {};
      const key = JSON.stringify(declaration);
      const group = groups.get(key);
      if (group) group[1].push([channel, value]);
      else groups.set(key, [declaration, [[channel, value]]]);
    }
    return [...groups.values()];
  }
}
