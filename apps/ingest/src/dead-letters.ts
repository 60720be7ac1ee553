import type { DeadLetter, OutboxRecord } from '@app/persistence';
import { parseTraceparent } from '@app/observability';
import { headerText, type LogHeaders, type PartitionRef } from '@app/streaming';

import type { BadRecord } from './point-chunk.js';

const MAX_HEADER_MESSAGE = 1_000;
// A dead letter is larger than its record by the headers: a record near the broker's limit would never get out.
const MAX_OUTGOING_BYTES = 900_000;
const TRUNCATED_BYTES = 65_536;

/** The row that keeps the record whole, with every error. */
export function deadLetterOf({ record, errors }: BadRecord, { topic, partition }: PartitionRef): DeadLetter {
  return {
    topic,
    partition,
    offset: record.offset,
    code: firstCode({ errors }),
    message: errors.map(({ message }) => message).join('; '),
    errors,
    key: record.key?.toString('utf8') ?? null,
    value: record.value,
    headers: textHeaders(record.headers),
  };
}

/** The record for the dead-letter topic. A very long value is cut, and says so in `value-bytes`; the table has it whole. */
export function outboxRecordOf(
  bad: BadRecord,
  { topic, partition }: PartitionRef,
  deadLetterTopic: string,
): OutboxRecord {
  const { record, errors } = bad;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const size = record.value?.length ?? 0;
  const traceparent = parseTraceparent(headerText(record.headers, 'traceparent'));
  return {
    topic: deadLetterTopic,
    key: record.key?.toString('utf8') ?? null,
    value: size > MAX_OUTGOING_BYTES ? (record.value?.subarray(0, TRUNCATED_BYTES) ?? null) : record.value,
    headers: {
      'error-code': firstCode(bad),
      'error-message': `${errors[0]?.message.slice(0, MAX_HEADER_MESSAGE) ?? ''}${more}`,
      topic,
      partition: String(partition),
      offset: String(record.offset),
      ...(size > MAX_OUTGOING_BYTES && { 'value-bytes': String(size) }),
      ...(traceparent !== undefined && { traceparent }),
    },
  };
}

function firstCode({ errors }: Pick<BadRecord, 'errors'>): string {
  return errors[0]?.code ?? 'UNKNOWN_FORMAT';
}

function textHeaders(headers: LogHeaders): Record<string, string> {
  return Object.fromEntries(Object.keys(headers).map((name) => [name, headerText(headers, name) ?? '']));
}
