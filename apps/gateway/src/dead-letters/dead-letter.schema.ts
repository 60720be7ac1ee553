import { z } from 'zod';
import { cursor, instant, limit } from '../request-values.js';

/** Query of `GET /dead-letters`. */
export const deadLettersQuery = z.strictObject({
  topic: z.string().min(1).optional().describe('Only records of this topic.'),
  code: z.string().min(1).optional().describe('Only records with this code.'),
  from: instant.optional().describe('First time at which they were found to be unusable, included.'),
  to: instant.optional().describe('End of these times, excluded.'),
  limit: limit(50, 500),
  cursor,
});
export type DeadLettersQuery = z.output<typeof deadLettersQuery>;

/** Where a record lies, in a path. */
export const placeNumber = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const deadLetterView = z.object({
  topic: z.string(),
  partition: z.int(),
  offset: z.int(),
  code: z.string().describe('Of the first error.'),
  message: z.string().describe('What is wrong, and what to do about it.'),
  key: z.string().nullable(),
  value: z.string().nullable().describe('The record: its first 4,096 bytes.'),
  encoding: z.enum(['utf8', 'base64']).describe('Of `value`: base64 where the record is no text.'),
  value_bytes: z.int().describe('Length of the whole record.'),
  headers: z.record(z.string(), z.string()),
  occurred_at: z.string(),
});
export type DeadLetterView = z.output<typeof deadLetterView>;

const example: DeadLetterView = {
  topic: 'tidecast.observations',
  partition: 2,
  offset: 4711,
  code: 'TS_INVALID',
  message: 'ts "yesterday" is no time; send ISO-8601 such as "2026-01-02T03:04:05Z", or a number since the epoch',
  key: 'pump-7',
  value: '{"item_id":"pump-7","ts":"yesterday","values":{"flow":1.2}}',
  encoding: 'utf8',
  value_bytes: 59,
  headers: {},
  occurred_at: '2026-01-08T12:00:00.412Z',
};

export const deadLettersPage = z
  .object({ dead_letters: z.array(deadLetterView), next_cursor: z.string().nullable() })
  .meta({ examples: [{ dead_letters: [example], next_cursor: null }] });
export type DeadLettersPage = z.output<typeof deadLettersPage>;

export const replayReceipt = z
  .object({ topic: z.string(), partition: z.int(), offset: z.int(), status: z.literal('queued') })
  .meta({ examples: [{ topic: 'tidecast.observations', partition: 2, offset: 4711, status: 'queued' }] });
export type ReplayReceipt = z.output<typeof replayReceipt>;
