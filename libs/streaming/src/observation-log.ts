import type { EntityManager } from 'typeorm';

/** Header values as brokers hand them out: bytes, text, or several of one name. */
export type LogHeaders = Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>;

/** A record to append. Records of one key keep their order; without a key any partition may take it. */
export interface OutgoingRecord {
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A record as it was read. */
export interface LogRecord {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: LogHeaders;
  /** When it was appended, epoch milliseconds: by the clock of the producer on Kafka, unless the topic says otherwise. */
  readonly timestamp: number;
}

/** Consecutive records of one partition, ascending by offset, never empty. */
export interface LogBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly LogRecord[];
  /** What `stream_offsets` holds for the partition if nobody else has written it: the fence of the next commit. */
  readonly expectedOffset: number;
  /** Aborts when the partition goes to another member or the consumer stops: finish the transaction at hand, return. */
  readonly signal: AbortSignal;
}

/**
 * Commits the rows of a batch together with its next offset through `commitOffset`, in one transaction or in several
 * that each move the offset. What it throws is retried from the stored offset, with back-off, for as long as it takes.
 */
export type BatchHandler = (batch: LogBatch) => Promise<void>;

export interface ConsumeOptions {
  readonly group: string;
  readonly topic: string;
}

/** A running member of a consumer group. */
export interface Consumption {
  /** Partitions that this member owns right now, ascending. */
  assigned(): number[];
  /** Leaves the group after the transactions at hand; partitions go to the other members at once. */
  stop(): Promise<void>;
}

/** How far a group is behind on one partition. */
export interface PartitionLag {
  readonly partition: number;
  readonly nextOffset: number;
  readonly endOffset: number;
  readonly lag: number;
}

/**
 * The stream that observations come in on and results leave by. Two adapters, Kafka and PostgreSQL, pass the same
 * contract test. The offset in `stream_offsets` is the truth for both; a broker's own commit is a hint for its tools.
 */
export interface ObservationLog {
  readonly kind: 'kafka' | 'postgres';

  /** Resolves when the log answers; throws LOG_UNAVAILABLE with one clear sentence otherwise. */
  check(): Promise<void>;

  /** Creates the topics that are missing, where configuration allows it; existing ones stay as they are. */
  ensureTopics(topics: readonly string[]): Promise<void>;

  /** Appends durably: when it resolves, no crash can lose the records. Throws LOG_UNAVAILABLE or OVERLOADED. */
  append(topic: string, records: readonly OutgoingRecord[]): Promise<void>;

  /** Appends within a transaction of the database; only the log that lives there can. */
  readonly appendIn?: (manager: EntityManager, topic: string, records: readonly OutgoingRecord[]) => Promise<void>;

  /** Joins the group in the background and keeps trying for as long as the log is away. */
  consume(options: ConsumeOptions, handler: BatchHandler): Consumption;

  /** Offset after the newest record, by partition. */
  endOffsets(topic: string): Promise<Map<number, number>>;

  /** How far a group is behind, by partition. */
  lag(group: string, topic: string): Promise<PartitionLag[]>;

  /** Stops consumers and connections. */
  close(): Promise<void>;
}

/** Text of a header, the last one where a name repeats. */
export function headerText(headers: LogHeaders, name: string): string | undefined {
  const value = headers[name];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return typeof last === 'string' ? last : last?.toString('utf8');
}
