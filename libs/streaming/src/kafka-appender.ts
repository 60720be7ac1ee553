import { PlatformError, messageOf, type Logger } from '@app/observability';
import kafkajs, { type Kafka, type Message, type Producer } from 'kafkajs';

import { errorFields } from './error-fields.js';
import type { OutgoingRecord } from './observation-log.js';

const { Partitioners } = kafkajs;

const MAX_WAITING_RECORDS = 100_000;
// One request stays below the broker's usual message.max.bytes (1 MiB, which holds for a whole record batch).
const MAX_SEND_BYTES = 900_000;
const MAX_SEND_RECORDS = 10_000;

interface Waiting {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Appends through one idempotent producer. Calls that come while a request is under way wait and leave together in the
 * next one (group commit). The queue holds at most 100,000 records; when full, `append` throws OVERLOADED.
 */
export class KafkaAppender {
  readonly #kafka: Kafka;
  readonly #logger: Logger;
  #producer: Promise<Producer> | undefined;
  #waiting: Waiting[] = [];
  #waitingRecords = 0;
  #sending: Promise<void> | undefined;

  constructor(kafka: Kafka, logger: Logger) {
    this.#kafka = kafka;
    this.#logger = logger;
  }

  async append(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return;
    // One call larger than the queue may pass when the queue is empty; the caller's own limits bound it.
    if (this.#waitingRecords > 0 && this.#waitingRecords + records.length > MAX_WAITING_RECORDS) {
      throw new PlatformError('OVERLOADED', `${this.#waitingRecords} records already wait for the broker; try again`);
    }
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ topic, records, resolve, reject });
      this.#waitingRecords += records.length;
      this.#sending ??= this.#sendAll();
    });
  }

  /** Waits for the request under way, then disconnects. */
  async close(): Promise<void> {
    await this.#sending;
    await this.#drop();
  }

  async #sendAll(): Promise<void> {
    // Lets calls of the same tick travel together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const calls = this.#waiting;
      this.#waiting = [];
      for (const [topic, group] of byTopic(calls)) await this.#sendCalls(topic, group);
    }
    this.#sending = undefined;
  }

  async #sendCalls(topic: string, calls: readonly Waiting[]): Promise<void> {
    const records = calls.flatMap((call) => call.records);
    try {
      for (const messages of requests(records)) await (await this.#connected()).send({ topic, acks: -1, messages });
      for (const call of calls) call.resolve();
    } catch (error) {
      await this.#drop();
      const failure = new PlatformError(
        'LOG_UNAVAILABLE',
        `Kafka did not take ${records.length} records for ${topic}: ${messageOf(error)}; nothing is confirmed, try again`,
        { topic },
        { cause: error },
      );
      for (const call of calls) call.reject(failure);
    } finally {
      this.#waitingRecords -= records.length;
    }
  }

  #connected(): Promise<Producer> {
    this.#producer ??= this.#connect();
    return this.#producer;
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
      // With fewer retries kafkajs warns that order may suffer; it can't, as the producer is dropped on failure.
      retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000 },
    });
    await producer.connect();
    return producer;
  }

  // After a failure kafkajs gives the sequence numbers of the lost request to the next one. Had the broker stored the
  // first, it would take the second for a repeat, confirm it and drop it: only a new producer id is safe.
  async #drop(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    try {
      await (await producer)?.disconnect();
    } catch (error) {
      this.#logger.debug({ ...errorFields(error) }, 'producer did not disconnect cleanly; it is abandoned');
    }
  }
}

function byTopic(calls: readonly Waiting[]): Map<string, Waiting[]> {
  const groups = new Map<string, Waiting[]>();
  for (const call of calls) {
    const group = groups.get(call.topic);
    if (group) group.push(call);
    else groups.set(call.topic, [call]);
  }
  return groups;
}

function* requests(records: readonly OutgoingRecord[]): Generator<Message[]> {
  let messages: Message[] = [];
  let bytes = 0;
  for (const { key, value, headers } of records) {
    const size = (value?.length ?? 0) + (key?.length ?? 0) + 100;
    if (messages.length > 0 && (bytes + size > MAX_SEND_BYTES || messages.length === MAX_SEND_RECORDS)) {
      yield messages;
      messages = [];
      bytes = 0;
    }
    messages.push({ key, value, headers: headers && { ...headers } });
    bytes += size;
  }
  if (messages.length > 0) yield messages;
}
