import { isUtf8 } from 'node:buffer';
import { PlatformError } from '@app/observability';
import { storeInOutbox } from '@app/persistence';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { decodeCursor } from '../request-values.js';
import type { DeadLettersPage, DeadLettersQuery, DeadLetterView } from './dead-letter.schema.js';

/** Where a record lies. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

interface DeadLetterRow {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly code: string;
  readonly message: string;
  readonly key: string | null;
  readonly head: Buffer | null;
  readonly value_bytes: number;
  readonly headers: Record<string, string>;
  readonly occurred_at: Date;
  /** The same to the microsecond, which a Date does not have. */
  readonly at: string;
}

interface StoredRecord {
  readonly code: string;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, string>;
}

/** Shown of a record; a page of large ones stays readable. */
const HEAD_BYTES = 4_096;
/** The limit of brokers, less what headers take; a record near it would hold up all behind it in the outbox. */
const MOST_REPLAY_BYTES = 900_000;
/** Names the place that a replayed record had, for whoever finds it again. */
const REPLAY_HEADER = 'replay-of';
/** The last record of a page. */
const POSITION = z.tuple([z.iso.datetime({ offset: true }), z.string(), z.int(), z.string().regex(/^\d{1,18}$/)]);

/** Records that could not be used, and their way back. */
@Injectable()
export class StoredDeadLetters {
  constructor(private readonly dataSource: DataSource) {}

  /** A page, newest first. */
  async list({ topic, code, from, to, limit, cursor }: DeadLettersQuery): Promise<DeadLettersPage> {
    const before = decodeCursor(cursor, POSITION) ?? [null, null, null, null];
    const rows = await this.dataSource.query<DeadLetterRow[]>(
      `SELECT topic, partition, "offset", code, message, key, substr(value, 1, ${HEAD_BYTES}) AS head,
              coalesce(length(value), 0) AS value_bytes, headers, occurred_at,
              to_json(occurred_at) #>> '{}' AS at
         FROM dead_letters
        WHERE ($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR code = $2)
          AND ($3::timestamptz IS NULL OR occurred_at >= $3) AND ($4::timestamptz IS NULL OR occurred_at < $4)
          AND ($5::timestamptz IS NULL
               OR (occurred_at, topic, partition, "offset") < ($5, $6::text, $7::int, $8::bigint))
        ORDER BY occurred_at DESC, topic DESC, partition DESC, "offset" DESC
        LIMIT $9`,
      [topic ?? null, code ?? null, from ?? null, to ?? null, ...before, limit + 1],
    );
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      dead_letters: page.map(view),
      next_cursor: last && rows.length > limit ? cursorAfter(last) : null,
    };
  }

  /**
   * Sends a record to its topic again, through the outbox, and takes it off the list in the same transaction. If it still
   * can't be used it comes back, with its new offset.
   *
   * @throws PlatformError NOT_FOUND; REPLAY_UNAVAILABLE where there is nothing to send, or too much.
   */
  async replay(place: RecordPlace): Promise<void> {
    const { topic, partition, offset } = place;
    await this.dataSource.transaction(async (manager) => {
      const [record] = await manager.query<StoredRecord[]>(
        `WITH taken AS (
           DELETE FROM dead_letters WHERE topic = $1 AND partition = $2 AND "offset" = $3
           RETURNING code, key, value, headers
         )
         SELECT code, key, value, headers FROM taken`,
        [topic, partition, offset],
      );
      if (!record) throw notFound(place);
      requireReplayable(record, place);
      const headers = { ...record.headers, [REPLAY_HEADER]: placeText(place) };
      await storeInOutbox(manager, [{ topic, key: record.key, value: record.value, headers }]);
    });
  }
}

function requireReplayable({ code, value }: StoredRecord, place: RecordPlace): void {
  if (value === null) {
    const why = code === 'OFFSET_LOST' ? 'the log had lost it before it was read' : 'it has no value';
    throw unavailable(`there is nothing to send of ${placeText(place)}: ${why}`, place);
  }
  if (value.length <= MOST_REPLAY_BYTES) return;
  const size = `${value.length} bytes, and at most ${MOST_REPLAY_BYTES} are sent again`;
  throw unavailable(`the record ${placeText(place)} has ${size}; split it at its producer`, place);
}

function view({ head, offset, occurred_at, at: _at, ...row }: DeadLetterRow): DeadLetterView {
  const text = head === null ? undefined : textOf(head, row.value_bytes > head.length);
  return {
    ...row,
    offset: Number(offset),
    value: text ?? head?.toString('base64') ?? null,
    encoding: head !== null && text === undefined ? 'base64' : 'utf8',
    occurred_at: occurred_at.toISOString(),
  };
}

// A cut may go through a character: up to three bytes of it are left out.
function textOf(bytes: Buffer, isCut: boolean): string | undefined {
  for (let missing = 0; missing <= (isCut ? 3 : 0); missing++) {
    const whole = bytes.subarray(0, bytes.length - missing);
    if (isUtf8(whole)) return whole.toString('utf8');
  }
  return undefined;
}

function cursorAfter({ at, topic, partition, offset }: DeadLetterRow): string {
  return Buffer.from(JSON.stringify([at, topic, partition, offset])).toString('base64url');
}

function placeText({ topic, partition, offset }: RecordPlace): string {
  return `${topic}/${partition}/${offset}`;
}

function notFound(place: RecordPlace): PlatformError {
  const message = `there is no dead letter ${placeText(place)}; one that was sent again is taken off the list`;
  return new PlatformError('NOT_FOUND', message, { ...place });
}

function unavailable(message: string, place: RecordPlace): PlatformError {
  return new PlatformError('REPLAY_UNAVAILABLE', message, { ...place });
}
