import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Change, Sight } from './change.js';

interface SeriesRow {
  readonly item_id: string;
  readonly channel: string;
  readonly last_ts: Date | null;
  readonly forecast_id: string | null;
}

interface AnomalyRow {
  readonly item_id: string;
  readonly state: string;
}

/** Series that one look takes in; items with more channels are seen by their first ones. */
const MOST_SERIES = 2_000;

/** Looks at what pages show, by indexes alone. */
@Injectable()
export class ChangeReader {
  constructor(private readonly dataSource: DataSource) {}

  /** The state of these items, and of jobs, models and streams. */
  async look(items: readonly string[]): Promise<Sight> {
    const [series, anomalies, common] = await Promise.all([
      items.length === 0 ? [] : this.#series(items),
      items.length === 0 ? [] : this.#anomalies(items),
      this.#common(),
    ]);
    return new Map([...series.map(seriesEntry), ...anomalies.map(anomalyEntry), ...common.map(commonEntry)]);
  }

  #series(items: readonly string[]): Promise<SeriesRow[]> {
    return this.dataSource.query(
      `SELECT s.item_id, s.channel,
              (SELECT o.ts FROM observations o WHERE o.series_id = s.series_id ORDER BY o.ts DESC LIMIT 1) AS last_ts,
              (SELECT f.forecast_id FROM forecasts f WHERE f.series_id = s.series_id
                ORDER BY f.cutoff DESC, f.issued_at DESC LIMIT 1) AS forecast_id
         FROM series s WHERE s.item_id = ANY ($1) ORDER BY s.item_id, s.channel LIMIT ${MOST_SERIES}`,
      [items],
    );
  }

  #anomalies(items: readonly string[]): Promise<AnomalyRow[]> {
    return this.dataSource.query(
      `SELECT i.item_id, concat_ws(' ', a.anomaly_id, a.label) AS state
         FROM unnest($1::text[]) AS i (item_id)
        CROSS JOIN LATERAL (
          SELECT anomaly_id, label FROM anomalies WHERE item_id = i.item_id ORDER BY ts DESC, anomaly_id LIMIT 1
        ) a`,
      [items],
    );
  }

  #common(): Promise<{ type: 'jobs' | 'models' | 'streams'; state: string | null }[]> {
    return this.dataSource.query(
      `SELECT 'jobs' AS type, (SELECT string_agg(concat_ws(' ', job_id, enabled, next_run_at), ' ' ORDER BY job_id) FROM jobs)
              || coalesce((SELECT string_agg(concat_ws(' ', run_id, series_done, series_failed), ' ' ORDER BY run_id)
                             FROM job_runs WHERE status = 'running'), '') AS state
       UNION ALL SELECT 'models', (SELECT max(model_event_id)::text FROM models)
       UNION ALL SELECT 'streams', concat_ws(' ', (SELECT max(updated_at) FROM stream_offsets),
                                                  (SELECT max(occurred_at) FROM dead_letters))`,
    );
  }
}

type Entry = [string, { state: string; change: Change }];

function seriesEntry({ item_id, channel, last_ts, forecast_id }: SeriesRow): Entry {
  const change = { type: 'series', item_id, channel, last_ts: last_ts?.toISOString() ?? null, forecast_id } as const;
  return [JSON.stringify(['series', item_id, channel]), { state: `${change.last_ts} ${forecast_id}`, change }];
}

function anomalyEntry({ item_id, state }: AnomalyRow): Entry {
  return [JSON.stringify(['anomalies', item_id]), { state, change: { type: 'anomalies', item_id } }];
}

function commonEntry({ type, state }: { type: 'jobs' | 'models' | 'streams'; state: string | null }): Entry {
  return [type, { state: state ?? '', change: { type } }];
}
