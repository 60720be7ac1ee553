import { withRunOptions } from '@app/inference';
import { PlatformError, metrics } from '@app/observability';
import {
  storeDeadLetters,
  storeInOutbox,
  type ForecastRepository,
  type NewForecast,
  type OutboxRecord,
} from '@app/persistence';
import { commitOffset, type LogBatch, type LogRecord, type PartitionRef } from '@app/streaming';
import type { DataSource } from 'typeorm';

import { deadLetterOf, outboxRecordOf } from '../../../ingest/src/dead-letters.js';
import type { ForecastService } from '../forecast.service.js';
import { failureRecord, forecastRecord } from './forecast-record.js';
import { readRequest, type StreamRequest } from './forecast-request.js';

/** What the follower works with. */
export interface RequestDependencies {
  readonly dataSource: DataSource;
  readonly service: ForecastService;
  readonly forecasts: ForecastRepository;
  readonly group: string;
  readonly forecastsTopic: string;
  readonly deadLetterTopic: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What a request comes to: rows to store and records to send, or a record that can't be answered. */
interface Reply {
  readonly rows: readonly NewForecast[];
  readonly records: readonly OutboxRecord[];
  readonly bad?: { readonly record: LogRecord; readonly errors: readonly PlatformError[] };
}

/** Requests that are answered together: their forecasts share runs, and wait in memory for one transaction. */
const MOST_REQUESTS = 32;

/**
 * Handles batches of the requests topic: forecast, then store the forecasts, the replies and the next offset in one
 * transaction, so that each request is answered once whatever dies in between.
 */
export class RequestFollower {
  constructor(private readonly deps: RequestDependencies) {}

  readonly handle = async ({ topic, partition, records, expectedOffset, signal }: LogBatch): Promise<void> => {
    const place: PartitionRef = { group: this.deps.group, topic, partition };
    let expected = expectedOffset;
    for (let at = 0; at < records.length && !signal.aborted; at += MOST_REQUESTS) {
      const chunk = records.slice(at, at + MOST_REQUESTS);
      const issuedAt = new Date(this.deps.now());
      const replies = await withRunOptions({ lane: 'stream', signal }, () =>
        Promise.all(chunk.map((record) => this.#reply(record, issuedAt))),
      );
      signal.throwIfAborted();
      const next = chunk.at(-1)!.offset + 1;
      await this.#write(replies, place, expected, next);
      expected = next;
    }
  };

  async #reply(record: LogRecord, issuedAt: Date): Promise<Reply> {
    const request = readRequest(record);
    const { replyKey, asked } = request;
    if (replyKey === undefined) return { rows: [], records: [], bad: { record, errors: [asked as PlatformError] } };
    if (asked instanceof PlatformError) return this.#refuse(replyKey, asked);
    try {
      return await this.#answer({ ...request, replyKey, asked }, issuedAt);
    } catch (error) {
      // The platform is full, or a server is away: the batch comes again.
      if (!(error instanceof PlatformError) || error.status === 429 || error.status === 503) throw error;
      return this.#refuse(replyKey, error);
    }
  }

  async #answer(
    { replyKey, asked }: StreamRequest & { replyKey: string; asked: { command: object; levels: readonly number[] } },
    issuedAt: Date,
  ): Promise<Reply> {
    const { forecastsTopic: topic, service } = this.deps;
    const { command, levels } = asked as Exclude<StreamRequest['asked'], PlatformError>;
    const { rows, outcome } = await service.draft(command, issuedAt);
    return {
      rows,
      records: [
        ...outcome.forecasts.map((forecast) => forecastRecord(topic, forecast, { replyKey, levels })),
        ...outcome.failures.map((failure) => failureRecord(topic, failure, { replyKey })),
      ],
    };
  }

  #refuse(replyKey: string, { code, message, details }: PlatformError): Reply {
    const { itemId } = details;
    const item = typeof itemId === 'string' ? { itemId } : {};
    return { rows: [], records: [failureRecord(this.deps.forecastsTopic, { code, message, ...item }, { replyKey })] };
  }

  async #write(replies: readonly Reply[], place: PartitionRef, expected: number, next: number): Promise<void> {
    const { dataSource, forecasts, deadLetterTopic } = this.deps;
    const bad = replies.flatMap((reply) => reply.bad ?? []).map((one) => ({ ...one, errors: [...one.errors] }));
    const records = [
      ...replies.flatMap((reply) => reply.records),
      ...bad.map((one) => outboxRecordOf(one, place, deadLetterTopic)),
    ];
    await dataSource.transaction('READ COMMITTED', async (manager) => {
      await commitOffset(manager, place, expected, next);
      await forecasts.insert(
        replies.flatMap(({ rows }) => rows),
        manager,
      );
      if (bad.length > 0)
        await storeDeadLetters(
          manager,
          bad.map((one) => deadLetterOf(one, place)),
        );
      if (records.length > 0) await storeInOutbox(manager, records);
    });
    for (const { errors } of bad) metrics.deadLetters.inc({ code: errors[0]!.code });
  }
}
