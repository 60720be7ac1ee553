import { withRunOptions } from '@app/inference';
import { PlatformError, type Logger } from '@app/observability';
import {
  storeInOutbox,
  type ForecastRepository,
  type NewForecast,
  type PolicyMatch,
  type StreamPolicyRepository,
  type StreamState,
} from '@app/persistence';
import {
  RecordDecoder,
  commitOffset,
  pause,
  type LogBatch,
  type LogRecord,
  type PartitionRef,
  type RecordFormats,
  type StoredOffsets,
} from '@app/streaming';
import type { DataSource } from 'typeorm';

import { MAX_STEPS } from '../check-command.js';
import type { IssuedForecast } from '../forecast-client.js';
import type { ForecastService } from '../forecast.service.js';
import { ArrivedPoints } from './arrived-points.js';
import { forecastRecord } from './forecast-record.js';
import { trigger, type Triggered } from './trigger.js';

/** What the follower works with. */
export interface FollowerDependencies {
  readonly dataSource: DataSource;
  readonly policies: StreamPolicyRepository;
  readonly service: ForecastService;
  readonly forecasts: ForecastRepository;
  readonly offsets: StoredOffsets;
  readonly logger: Logger;
  readonly group: string;
  readonly ingestGroup: string;
  readonly forecastsTopic: string;
  readonly maxFutureMs: number;
  readonly formats: RecordFormats;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** A policy on a series, and what the arrived points come to. */
type Move = Triggered & { readonly match: PolicyMatch };

/** A forecast that is not stored yet. */
interface Draft {
  readonly row: NewForecast;
  readonly issued: IssuedForecast;
}

/** Points looked at together: so many forecasts at most wait for their turn in memory. */
const MOST_POINTS = 1_000;
/** Looks at how far ingest is: at first it is nearly there. */
const FIRST_LOOK_MS = 10;
const SLOWEST_LOOK_MS = 500;

/**
 * Handles batches of the observations topic: wait until ingest has committed the points → policies → forecasts → store
 * them, tell the topic, move on. A partition waits while the queue of the model is full: its consumer then stops fetching.
 *
 * Forecasts are made outside of a transaction, which may take long, and stored in one that begins with the fence of the
 * offset and locks how far the policies are. What is stored there is never due again, so a batch that comes twice, after a
 * crash between two of its transactions or to another member, adds nothing. See docs/adr/0006.
 */
export class ObservationFollower {
  constructor(private readonly deps: FollowerDependencies) {}

  readonly handle = async ({ topic, partition, records, expectedOffset, signal }: LogBatch): Promise<void> => {
    const place: PartitionRef = { group: this.deps.group, topic, partition };
    let expected = expectedOffset;
    if (!(await this.deps.policies.anyEnabled())) {
      await this.#commit(place, expected, records.at(-1)!.offset + 1, []);
      return;
    }
    for (let at = 0; at < records.length && !signal.aborted;) {
      const arrived = this.#decode(records, at);
      at += arrived.records;
      await this.#untilIngested(place, arrived.nextOffset, signal);
      await this.#follow(arrived, place, expected, signal);
      expected = arrived.nextOffset;
    }
  };

  /** Decodes records from `at` on until there are enough points. */
  #decode(records: readonly LogRecord[], at: number): ArrivedPoints {
    const now = this.deps.now();
    const arrived = new ArrivedPoints();
    const decoder = new RecordDecoder(arrived, this.deps.maxFutureMs, this.deps.formats);
    for (let i = at; i < records.length && arrived.records < MOST_POINTS && arrived.points < MOST_POINTS; i++) {
      decoder.decode(records[i]!, now);
      arrived.end(records[i]!);
    }
    return arrived;
  }

  /** Ingest commits its offset with the points, so this offset tells that they are there. */
  async #untilIngested({ topic, partition }: PartitionRef, next: number, signal: AbortSignal): Promise<void> {
    const { offsets, ingestGroup: group } = this.deps;
    for (let wait = FIRST_LOOK_MS; ; wait = Math.min(2 * wait, SLOWEST_LOOK_MS)) {
      if (((await offsets.load({ group, topic, partition })) ?? 0) >= next) return;
      await pause(wait, signal);
      signal.throwIfAborted();
    }
  }

  async #follow(arrived: ArrivedPoints, place: PartitionRef, expected: number, signal: AbortSignal): Promise<void> {
    const { series } = arrived;
    const times = new Map(series.map((one) => [keyOf(one), one.times]));
    const matches = await this.deps.policies.match(series.map(({ itemId, channel }) => [itemId, channel]));
    const now = this.deps.now();
    const moves = matches.map((match) => ({
      match,
      ...trigger(stateOf(match), match.policy, times.get(keyOf(match))!, match.timeZone, now),
    }));
    for (const slice of slices(moves.filter(({ due }) => due))) {
      const drafts = await this.#forecast(slice, new Date(now), signal);
      signal.throwIfAborted();
      await this.#store(slice, drafts, place, expected);
    }
    const rest = moves.filter(({ due }) => !due).map(({ state }) => state);
    await this.#commit(place, expected, arrived.nextOffset, rest);
  }

  /** Forecasts of one policy's series. What a policy can't have is told and passed over: the others must go on. */
  async #forecast(slice: readonly Move[], issuedAt: Date, signal: AbortSignal): Promise<Draft[]> {
    const { policy } = slice[0]!.match;
    const seriesIds = slice.map(({ match }) => match.seriesId);
    try {
      const { rows, outcome } = await withRunOptions({ lane: 'stream', signal }, () =>
        this.deps.service.draftStored(seriesIds, policy, issuedAt),
      );
      const [failure] = outcome.failures;
      if (failure) this.#tell(policy.name, `${outcome.failures.length} series fail; the first: ${failure.message}`);
      return rows.map((row, i) => ({
        row: { ...row, parts: { ...row.parts, policy: policy.name } },
        issued: outcome.forecasts[i]!,
      }));
    } catch (error) {
      // The queue is full, or it is not about the policy: the batch comes again.
      if (signal.aborted || !(error instanceof PlatformError) || error.status === 429 || error.status === 503)
        throw error;
      this.#tell(policy.name, error.message);
      return [];
    }
  }

  #tell(policy: string, reason: string): void {
    this.deps.logger.warn({ policy, reason }, `the stream policy "${policy}" has no forecast: ${reason}`);
  }

  /** Stores the forecasts of a slice, each unless a forecast of its policy and series with this cutoff is there. */
  async #store(slice: readonly Move[], drafts: readonly Draft[], place: PartitionRef, expected: number): Promise<void> {
    const { dataSource, policies, forecasts, forecastsTopic: topic } = this.deps;
    const { name: policy } = slice[0]!.match.policy;
    const made = new Map(drafts.map((draft) => [draft.row.seriesId, draft]));
    await dataSource.transaction('READ COMMITTED', async (manager) => {
      // Stays where it is, and is locked: a member that lost the partition is refused before it writes anything.
      await commitOffset(manager, place, expected, expected);
      const held = await policies.lock(
        slice.map(({ match }) => match),
        manager,
      );
      const cutoffs = new Map(held.map(({ seriesId, cutoff }) => [seriesId, cutoff ?? Number.NEGATIVE_INFINITY]));
      const fresh = drafts.filter(
        ({ row }) => row.cutoff.getTime() > (cutoffs.get(row.seriesId) ?? Number.POSITIVE_INFINITY),
      );
      await forecasts.insert(
        fresh.map(({ row }) => row),
        manager,
      );
      if (fresh.length > 0)
        await storeInOutbox(
          manager,
          fresh.map(({ issued }) => forecastRecord(topic, issued, { policy })),
        );
      await policies.save(
        slice.map(({ state }) => after(state, made.get(state.seriesId)?.row)),
        manager,
      );
    });
  }

  async #commit(place: PartitionRef, expected: number, next: number, states: readonly StreamState[]): Promise<void> {
    await this.deps.dataSource.transaction('READ COMMITTED', async (manager) => {
      await commitOffset(manager, place, expected, next);
      if (states.length === 0) return;
      await this.deps.policies.lock(states, manager);
      await this.deps.policies.save(states, manager);
    });
  }
}

/** Series of one policy that are forecast and stored together, within what one call may hold. */
function* slices(due: readonly Move[]): Generator<Move[]> {
  const policies = new Set(due.map(({ match }) => match.policyId));
  for (const policyId of policies) {
    const moves = due.filter(({ match }) => match.policyId === policyId);
    const most = Math.max(1, Math.floor(MAX_STEPS / moves[0]!.match.policy.horizon));
    for (let at = 0; at < moves.length; at += most) yield moves.slice(at, at + most);
  }
}

function after(state: StreamState, row: NewForecast | undefined): StreamState {
  return row ? { ...state, forecastAt: row.issuedAt.getTime(), cutoff: row.cutoff.getTime() } : state;
}

function stateOf({ policyId, seriesId, points, newest, pending, forecastAt, cutoff }: PolicyMatch): StreamState {
  return { policyId, seriesId, points, newest, pending, forecastAt, cutoff };
}

function keyOf({ itemId, channel }: { itemId: string; channel: string }): string {
  return JSON.stringify([itemId, channel]);
}
