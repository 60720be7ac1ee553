import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { loadEnv, type Env } from '@app/config';
import { silentLogger } from '@app/observability';
import { DetectorStateRepository, ItemLabelRepository } from '@app/persistence';
import { createObservationLog, type ObservationLog, type OutgoingRecord } from '@app/streaming';
import type { DataSource } from 'typeorm';

import { DetectionRules } from '../../apps/detector/src/detection-rules.js';
import { DetectorService } from '../../apps/detector/src/detector.service.js';
import { ItemCache } from '../../apps/detector/src/item-cache.js';
import { RuleLookup } from '../../apps/detector/src/rule-lookup.js';
import { uniqueName } from './kafka.js';
import { eventually } from './processes.js';

const CHILD = fileURLToPath(new URL('role-child.mjs', import.meta.url));
const MIB = 1_048_576;

/** An anomaly as a test looks at it: everything but the time at which it was found. */
export interface StoredAnomaly {
  readonly anomaly_id: string;
  readonly item_id: string;
  readonly channel: string | null;
  readonly ts: Date;
  readonly value: number | null;
  readonly expected: number | null;
  readonly score: number;
  readonly event_from: Date;
  readonly rule: string;
  readonly alert: boolean;
  readonly suppressed_by: string | null;
  readonly label: string | null;
  readonly explanation: {
    readonly detectors: readonly { readonly name: string; readonly score: number }[];
    readonly channels: readonly Record<string, unknown>[];
    readonly forecast?: { readonly violated_level: number | null; readonly p_value: number; readonly leads: object[] };
    readonly quality: readonly string[];
  };
}

/** A topic and consumer group of a test's own, with what a detector makes of them. */
export class DetectorWorld {
  readonly env: Env;
  readonly log: ObservationLog;
  readonly settings: Record<string, string>;
  #service: DetectorService | undefined;

  constructor(
    readonly dataSource: DataSource,
    settings: Record<string, string>,
  ) {
    const topic = uniqueName('detect');
    this.settings = {
      OBSERVATIONS_TOPIC: topic,
      ANOMALIES_TOPIC: `${topic}.anomalies`,
      DETECTOR_GROUP: topic,
      TOPIC_PARTITIONS: '2',
      LOG_LEVEL: 'error',
      ...settings,
    };
    this.env = loadEnv(this.settings);
    this.log = createObservationLog(this.env, dataSource, silentLogger());
  }

  /** Starts the detector in this process. */
  start(): void {
    this.#service = new DetectorService(this.env, this.log, silentLogger(), this.dataSource);
    this.#service.onApplicationBootstrap();
  }

  /** Stops it: its memory is gone. */
  async stop(): Promise<void> {
    await this.#service?.onModuleDestroy();
    this.#service = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.log.close();
  }

  /** Appends to the log; records of one item stay in order. */
  async append(records: readonly OutgoingRecord[]): Promise<void> {
    await this.log.ensureTopics([this.env.OBSERVATIONS_TOPIC]);
    await this.log.append(this.env.OBSERVATIONS_TOPIC, records);
  }

  /** Waits until so many records are committed by the detector. */
  untilConsumed(records: number, patienceMs = 120_000): Promise<unknown> {
    return eventually(async () => {
      const rows: { done: string | null }[] = await this.dataSource.query(
        `SELECT sum(next_offset) AS done FROM stream_offsets WHERE consumer_group = $1`,
        [this.env.DETECTOR_GROUP],
      );
      return Number(rows[0]?.done ?? 0) >= records;
    }, patienceMs);
  }

  /** Appends and waits until the detector has committed all that there is. */
  async show(records: readonly OutgoingRecord[], patienceMs = 120_000): Promise<void> {
    await this.append(records);
    await eventually(
      async () =>
        (await this.log.lag(this.env.DETECTOR_GROUP, this.env.OBSERVATIONS_TOPIC)).every(({ lag }) => lag === 0),
      patienceMs,
    );
  }

  anomalies(itemId?: string): Promise<StoredAnomaly[]> {
    return this.dataSource.query(
      `SELECT anomaly_id, item_id, channel, ts, value, expected, score, grade, severity, confidence, event_from, rule, alert,
              suppressed_by, label, explanation
         FROM anomalies WHERE $1::text IS NULL OR item_id = $1
        ORDER BY item_id, ts, channel NULLS FIRST`,
      [itemId ?? null],
    );
  }

  /** Digest of the state that each item would go on from, read back from Postgres. */
  async states(itemIds: readonly string[]): Promise<Record<string, string>> {
    const loaded = DetectionRules.load(this.env.DETECTION_RULES);
    const rules = new RuleLookup(loaded, new ItemLabelRepository(this.dataSource));
    const states = new DetectorStateRepository(this.dataSource);
    const places: { partition: number }[] = await this.dataSource.query(
      `SELECT partition FROM stream_offsets WHERE consumer_group = $1 ORDER BY partition`,
      [this.env.DETECTOR_GROUP],
    );
    const found: Record<string, string> = {};
    for (const { partition } of places) {
      const cache = new ItemCache(states, 1_024 * MIB);
      const place = { group: this.env.DETECTOR_GROUP, topic: this.env.OBSERVATIONS_TOPIC, partition };
      const known = await states.load(place, itemIds);
      for (const [itemId, { watch }] of await cache.acquire(place, await rules.of(known.keys()))) {
        found[itemId] = createHash('sha256').update(watch.snapshot()).digest('hex');
      }
    }
    return found;
  }
}

/** A detector process of its own. */
export class DetectorChild {
  readonly #child: ChildProcess;

  constructor(settings: Readonly<Record<string, string>>) {
    const { NODE_OPTIONS: _, KAFKA_BROKERS: __, ...inherited } = process.env;
    this.#child = spawn(process.execPath, [CHILD, 'detector'], {
      env: { ...inherited, ...settings },
      stdio: 'inherit',
    });
  }

  /** SIGKILL. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** SIGTERM: it leaves its group. */
  leave(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }
}
