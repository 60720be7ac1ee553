import { metrics } from '@app/observability';
import {
  isUniqueViolation,
  keepReplaced,
  storeDeadLetters,
  storeInOutbox,
  writeObservations,
  type SeriesMetadata,
  type SeriesWriter,
} from '@app/persistence';
import { commitOffset, type PartitionRef } from '@app/streaming';
import type { DataSource, EntityManager } from 'typeorm';

import { deadLetterOf, outboxRecordOf } from './dead-letters.js';
import type { PartitionKeeper } from './partition-keeper.js';
import type { PointChunk } from './point-chunk.js';
import type { SeriesProfiler } from './series-profiler.js';
import type { SeriesRegistry } from './series-registry.js';
import type { SortedPoints } from './sort-points.js';
import { Turnstile } from './turnstile.js';

const MAX_ATTEMPTS = 3;

/** What the writer works with. */
export interface WriterDependencies {
  readonly dataSource: DataSource;
  readonly registry: SeriesRegistry;
  readonly series: SeriesWriter;
  readonly partitions: PartitionKeeper;
  readonly profiler: SeriesProfiler;
  readonly deadLetterTopic: string;
  /** Transactions that may be open at once, over all partitions. */
  readonly concurrency: number;
}

/** Writes chunks: rows, dead letters and the next offset in one transaction each. */
export class ObservationWriter {
  readonly #deps: WriterDependencies;
  readonly #turnstile: Turnstile;

  constructor(deps: WriterDependencies) {
    this.#deps = deps;
    this.#turnstile = new Turnstile(deps.concurrency);
  }

  /**
   * Commits one chunk, or throws and leaves nothing behind. Chunks of one partition come one after the other.
   *
   * @throws FencedError when the stored offset is not `expected`.
   */
  async write(chunk: PointChunk, ref: PartitionRef, expected: number, now: Date): Promise<void> {
    await this.#turnstile.pass(async () => {
      await this.#deps.partitions.ensure(chunk.months.values());
      for (let attempt = 1; ; attempt++) {
        await this.#deps.registry.resolve(chunk.series());
        try {
          const points = chunk.sorted();
          await this.#transact(chunk, points, ref, expected, now);
          this.#remember(chunk, points);
          return;
        } catch (error) {
          // Another member may have written these series: ask the database again.
          for (const series of chunk.series()) series.newest = Number.NaN;
          if (!isUniqueViolation(error) || attempt === MAX_ATTEMPTS) throw error;
        }
      }
    });
  }

  async #transact(
    chunk: PointChunk,
    points: SortedPoints,
    ref: PartitionRef,
    expected: number,
    now: Date,
  ): Promise<void> {
    const endTimer = metrics.ingestTransactionSeconds.startTimer();
    const counts = await this.#deps.dataSource.transaction('READ COMMITTED', async (manager) => {
      // First, as it locks: a member that lost the partition is refused before it writes anything.
      await commitOffset(manager, ref, expected, chunk.nextOffset);
      const written = await writeObservations(manager, points.rows, now);
      await this.#writeRest(manager, chunk, points, ref, now);
      return written;
    });
    endTimer();
    metrics.observationsWritten.inc({ kind: 'new' }, counts.new);
    metrics.observationsWritten.inc({ kind: 'revised' }, counts.revised + points.replaced.ts.length);
    metrics.observationsWritten.inc(
      { kind: 'duplicate' },
      chunk.points - points.rows.ts.length - points.replaced.ts.length + counts.duplicate,
    );
    for (const { errors } of chunk.bad) metrics.deadLetters.inc({ code: errors[0]?.code ?? 'UNKNOWN_FORMAT' });
  }

  /** What most chunks have none of. */
  async #writeRest(
    manager: EntityManager,
    chunk: PointChunk,
    points: SortedPoints,
    ref: PartitionRef,
    now: Date,
  ): Promise<void> {
    if (points.replaced.ts.length > 0) await keepReplaced(manager, points.replaced, now);
    if (chunk.bad.length > 0) {
      await storeDeadLetters(
        manager,
        chunk.bad.map((bad) => deadLetterOf(bad, ref)),
      );
      await storeInOutbox(
        manager,
        chunk.bad.map((bad) => outboxRecordOf(bad, ref, this.#deps.deadLetterTopic)),
      );
    }
    await this.#deps.series.declare(manager, newDeclarations(chunk));
    await this.#deps.series.trace(manager, newestTraces(chunk));
  }

  /** Moves what is in memory along with what is committed. */
  #remember(chunk: PointChunk, { progress }: SortedPoints): void {
    for (const { ref, newest, points } of progress) {
      // Unkeyed records bring a series through two partitions at once: then the other one may have moved it further.
      if (!(newest < ref.newest)) ref.newest = newest;
      this.#deps.profiler.count(ref, points);
    }
    for (const [ref, declaration] of chunk.declarations) {
      const declared = JSON.stringify(declaration);
      if (ref.declared === declared) continue;
      ref.declared = declared;
      this.#deps.profiler.request(ref);
    }
  }
}

function newDeclarations(chunk: PointChunk): SeriesMetadata[] {
  const changed: SeriesMetadata[] = [];
  for (const [ref, declaration] of chunk.declarations) {
    if (JSON.stringify(declaration) !== ref.declared) changed.push({ seriesId: ref.seriesId, ...declaration });
  }
  return changed;
}

function newestTraces(chunk: PointChunk): Map<number, string> {
  const traces = new Map<number, string>();
  for (const [ref, { ts, traceparent }] of chunk.traces) {
    if (!(ts < ref.newest)) traces.set(ref.seriesId, traceparent);
  }
  return traces;
}
