import type { DataSource, EntityManager } from 'typeorm';

import { float8Array, int4Array, textArray, timestamptzArray } from '../pg-arrays.js';
import type { PointKeys } from './score-queue.repository.js';

/** A claimed note that points arrived. */
export interface ScoreTask extends PointKeys {
  readonly seriesIds: number[];
  readonly ts: number[];
}

/** A point whose value is not the one that it was last scored with. */
export interface ChangedPoint {
  readonly seriesId: number;
  readonly ts: number;
  readonly value: number;
  /** Null for one that was never scored. */
  readonly scoredValue: number | null;
  /** When it was first known. */
  readonly knownAt: Date;
}

/** A forecast that reaches over a point, if the point lies on its grid. */
export interface CoveringForecast {
  /** Index of the point. */
  readonly point: number;
  readonly forecastId: string;
  readonly cutoff: Date;
  readonly freq: string;
  readonly timeZone: string;
  readonly horizon: number;
  readonly naiveError: number | null;
}

/** One step of a forecast, and of each shadow of it. */
export interface ForecastStep {
  /** Index of what was asked for. */
  readonly position: number;
  readonly model: string;
  /** At the canonical levels. */
  readonly quantiles: number[];
}

/** What to add to a row of `scores`; sums may be negative where a value was taken back. */
export interface ScoreDelta {
  readonly seriesId: number;
  readonly model: string;
  readonly leadBucket: number;
  /** `2026-01-31`. */
  readonly day: string;
  readonly points: number;
  readonly sums: Readonly<Record<ScoreSumName, number>>;
  readonly pinball: readonly number[];
}

const SUM_NAMES = [
  'loss',
  'abs_actual',
  'inside_80',
  'inside_95',
  'width_80',
  'width_95',
  'abs_error',
  'scaled_error',
  'scaled_points',
] as const;
export type ScoreSumName = (typeof SUM_NAMES)[number];

/** Scorers of series of different shards work side by side; those of one wait for each other. */
const SHARDS = 64;
const LOCK_CLASS = `hashtext('tidecast:scores')`;

/**
 * The scorecard's state. A task is claimed, scored and deleted in one transaction, and what each point was scored with is
 * kept, so that no crash, repetition or revision counts anything twice.
 */
export class ScoreRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Takes the oldest task that nobody else works on; a roll-back gives it back. */
  async claim(manager: EntityManager): Promise<ScoreTask | undefined> {
    // Of a DELETE the driver gives the rows and their count.
    const [[task]] = await manager.query<[{ series_ids: number[]; ts: Date[] }[], number]>(
      `DELETE FROM score_tasks WHERE task_id = (
         SELECT task_id FROM score_tasks ORDER BY task_id LIMIT 1 FOR UPDATE SKIP LOCKED
       ) RETURNING series_ids, ts`,
    );
    return task && { seriesIds: task.series_ids, ts: task.ts.map((ts) => ts.getTime()) };
  }

  /** Tasks that wait, and the age of the oldest in seconds. */
  async backlog(): Promise<{ tasks: number; oldestSeconds: number }> {
    const [row] = await this.dataSource.query<[{ tasks: string; oldest: number | null }]>(
      `SELECT count(*) AS tasks, extract(epoch FROM now() - min(created_at))::float8 AS oldest FROM score_tasks`,
    );
    return { tasks: Number(row.tasks), oldestSeconds: row.oldest ?? 0 };
  }

  /** Waits until no other transaction scores these series. In one order for all, so that nobody waits in a circle. */
  async lock(seriesIds: readonly number[], manager: EntityManager): Promise<void> {
    const shards = [...new Set(seriesIds.map((id) => id % SHARDS))].sort((a, b) => a - b);
    for (const shard of shards) await manager.query(`SELECT pg_advisory_xact_lock(${LOCK_CLASS}, $1)`, [shard]);
  }

  /**
   * Of these points the ones whose value has changed since they were scored.
   *
   * @param oldest points before it are left alone unless it is remembered what they were scored with: they might have been
   * scored, and forgotten.
   */
  async changed({ seriesIds, ts }: PointKeys, oldest: Date, manager: EntityManager): Promise<ChangedPoint[]> {
    const rows = await manager.query<
      { series_id: number; ts: Date; value: number; scored: number | null; known_at: Date }[]
    >(
      `SELECT o.series_id, o.ts, o.value, s.value AS scored, coalesce(s.known_at, o.known_at) AS known_at
       FROM (SELECT DISTINCT series_id, ts FROM unnest($1::int[], $2::timestamptz[]) AS p (series_id, ts)) AS p
       JOIN observations o USING (series_id, ts)
       LEFT JOIN scored_points s USING (series_id, ts)
       WHERE s.value IS DISTINCT FROM o.value AND (s.value IS NOT NULL OR o.ts >= $3)
       ORDER BY o.series_id, o.ts`,
      [int4Array(seriesIds), timestamptzArray(ts), oldest],
    );
    return rows.map((row) => ({
      seriesId: row.series_id,
      ts: row.ts.getTime(),
      value: row.value,
      scoredValue: row.scored,
      knownAt: row.known_at,
    }));
  }

  /**
   * The forecasts that reach over each point and were issued before it was known. For a point that was scored before,
   * those that it was scored with then: a forecast that was stored in the meantime is not held against it.
   *
   * @returns also the snapshot that the answer was read in, to be kept with the points.
   */
  async covering(
    points: readonly ChangedPoint[],
    manager: EntityManager,
  ): Promise<{ forecasts: CoveringForecast[]; seen: string }> {
    const rows = await manager.query<
      {
        position: string;
        seen: string;
        forecast_id: string | null;
        cutoff: Date;
        freq: string;
        time_zone: string;
        horizon: number;
        naive_error: number | null;
      }[]
    >(
      `SELECT p.position, pg_current_snapshot()::text AS seen, f.forecast_id, f.cutoff, f.freq, f.time_zone, f.horizon,
              f.naive_error
       FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS p (series_id, ts, known_at, position)
       JOIN forecast_spans USING (series_id)
       LEFT JOIN scored_points s USING (series_id, ts)
       LEFT JOIN forecasts f
         ON f.series_id = p.series_id AND f.cutoff < p.ts AND f.cutoff >= p.ts - forecast_spans.span
        AND f.issued_at < p.known_at AND (s.seen IS NULL OR pg_visible_in_snapshot(f.stored_in, s.seen))`,
      [
        int4Array(points.map(({ seriesId }) => seriesId)),
        timestamptzArray(points.map(({ ts }) => ts)),
        timestamptzArray(points.map(({ knownAt }) => knownAt.getTime())),
      ],
    );
    const forecasts = rows.flatMap(({ forecast_id, position, cutoff, freq, time_zone, horizon, naive_error }) =>
      forecast_id === null
        ? []
        : [
            {
              point: Number(position) - 1,
              forecastId: forecast_id,
              cutoff,
              freq,
              timeZone: time_zone,
              horizon,
              naiveError: naive_error,
            },
          ],
    );
    return { forecasts, seen: rows[0]?.seen ?? '' };
  }

  /** Quantiles of single steps, of the forecasts and of their shadows. Only what the canonical levels fill. */
  async steps(
    wanted: readonly { forecastId: string; step: number }[],
    manager: EntityManager,
  ): Promise<ForecastStep[]> {
    const rows = await manager.query<{ position: string; model: string; quantiles: number[] }[]>(
      `WITH wanted AS (
         SELECT * FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS w (forecast_id, step, position)
       )
       SELECT position, f.model, f.quantiles[(step - 1) * cardinality(f.levels) + 1 : step * cardinality(f.levels)] AS quantiles
       FROM wanted JOIN forecasts f USING (forecast_id)
       UNION ALL
       SELECT position, s.model, s.quantiles[(step - 1) * cardinality(f.levels) + 1 : step * cardinality(f.levels)]
       FROM wanted JOIN forecasts f USING (forecast_id) JOIN shadow_forecasts s USING (forecast_id)`,
      [wanted.map(({ forecastId }) => forecastId), int4Array(wanted.map(({ step }) => step))],
    );
    return rows.map(({ position, model, quantiles }) => ({ position: Number(position) - 1, model, quantiles }));
  }

  /**
   * Forgets what points of one series were scored with: those before a time, but never the newest `kept` ones.
   *
   * @param after series with a higher id only; 0 for the first.
   * @returns the series, to go on after it, and how many points of it were forgotten; undefined after the last series.
   */
  async forgetPoints(
    after: number,
    { before, kept, most }: { before: Date; kept: number; most: number },
  ): Promise<{ seriesId: number; removed: number } | undefined> {
    const [next] = await this.dataSource.query<{ series_id: number }[]>(
      `SELECT series_id FROM skill_reviews WHERE series_id > $1 ORDER BY series_id LIMIT 1`,
      [after],
    );
    if (!next) return undefined;
    const [, removed] = await this.dataSource.query<[unknown[], number]>(
      `DELETE FROM scored_points WHERE series_id = $1 AND ts IN (
         SELECT ts FROM scored_points
         WHERE series_id = $1 AND ts < $2
           AND ts < (SELECT ts FROM scored_points WHERE series_id = $1 ORDER BY ts DESC OFFSET $3 - 1 LIMIT 1)
         ORDER BY ts LIMIT $4
       )`,
      [next.series_id, before, kept, most],
    );
    return { seriesId: next.series_id, removed };
  }

  /** Removes shadows that were stored before a time, at most so many. */
  async forgetShadows(before: Date, most: number): Promise<number> {
    const [, removed] = await this.dataSource.query<[unknown[], number]>(
      `DELETE FROM shadow_forecasts WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM shadow_forecasts WHERE stored_at < $1 LIMIT $2
       ))`,
      [before, most],
    );
    return removed;
  }

  /** Adds the deltas to their rows. */
  async add(deltas: readonly ScoreDelta[], manager: EntityManager): Promise<void> {
    if (deltas.length === 0) return;
    // In the order of the key: two scorers that share rows wait for each other, but never in a circle.
    const ordered = [...deltas].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const names = SUM_NAMES.join(', ');
    await manager.query(
      `INSERT INTO scores (series_id, model, lead_bucket, day, points, ${names}, pinball)
       SELECT series_id, model, lead_bucket, day::date, points, ${names}, pinball::float8[]
       FROM unnest($1::int[], $2::text[], $3::int[], $4::text[], $5::int[],
                   ${SUM_NAMES.map((_, i) => `$${i + 6}::float8[]`).join(', ')}, $${SUM_NAMES.length + 6}::text[])
         AS d (series_id, model, lead_bucket, day, points, ${names}, pinball)
       ON CONFLICT (series_id, model, lead_bucket, day) DO UPDATE SET
         points = scores.points + excluded.points,
         ${SUM_NAMES.map((name) => `${name} = scores.${name} + excluded.${name}`).join(', ')},
         pinball = ARRAY(SELECT a + b FROM unnest(scores.pinball, excluded.pinball) AS level (a, b))`,
      [
        int4Array(ordered.map(({ seriesId }) => seriesId)),
        textArray(ordered.map(({ model }) => model)),
        int4Array(ordered.map(({ leadBucket }) => leadBucket)),
        textArray(ordered.map(({ day }) => day)),
        int4Array(ordered.map(({ points }) => points)),
        ...SUM_NAMES.map((name) => float8Array(ordered.map(({ sums }) => sums[name]))),
        textArray(ordered.map(({ pinball }) => `{${pinball.join(',')}}`)),
      ],
    );
  }

  /** Keeps what the points were scored with, and that their series have something new to be reviewed. */
  async remember(points: readonly ChangedPoint[], seen: string, manager: EntityManager): Promise<void> {
    if (points.length === 0) return;
    await manager.query(
      `INSERT INTO scored_points (series_id, ts, value, known_at, seen)
       SELECT series_id, ts, value, known_at, $5::pg_snapshot
       FROM unnest($1::int[], $2::timestamptz[], $3::float8[], $4::timestamptz[]) AS p (series_id, ts, value, known_at)
       ON CONFLICT (series_id, ts) DO UPDATE SET value = excluded.value`,
      [
        int4Array(points.map(({ seriesId }) => seriesId)),
        timestamptzArray(points.map(({ ts }) => ts)),
        float8Array(points.map(({ value }) => value)),
        timestamptzArray(points.map(({ knownAt }) => knownAt.getTime())),
        seen,
      ],
    );
    await manager.query(
      `INSERT INTO skill_reviews (series_id, points)
       SELECT series_id, count(*) FROM unnest($1::int[]) AS p (series_id) GROUP BY series_id ORDER BY series_id
       ON CONFLICT (series_id) DO UPDATE SET points = skill_reviews.points + excluded.points`,
      [int4Array(points.map(({ seriesId }) => seriesId))],
    );
  }
}

function keyOf({ seriesId, model, leadBucket, day }: ScoreDelta): string {
  return `${String(seriesId).padStart(10, '0')} ${model} ${String(leadBucket).padStart(10, '0')} ${day}`;
}
