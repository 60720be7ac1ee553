import type { DataSource, EntityManager } from 'typeorm';

import type { ChangedPoint } from './score.repository.js';

/** Newest version of what was learnt about a series. JSON as it was stored. */
export interface StoredSkill {
  readonly weights?: { readonly version: number; readonly value: unknown; readonly createdAt: Date };
  /** Of its group. */
  readonly group?: { readonly version: number; readonly value: unknown };
  readonly calibration?: { readonly version: number; readonly value: unknown };
  readonly champion?: {
    readonly version: number;
    readonly champion: string;
    readonly reason: string;
    readonly decidedAt: Date;
  };
}

/** What all models lost on one day, over all leads. */
export interface DayLoss {
  readonly day: string;
  readonly model: string;
  readonly points: number;
  readonly loss: number;
}

interface SkillRow {
  readonly series_id: number;
  readonly weights_version: number | null;
  readonly weights: unknown;
  readonly weights_created_at: Date;
  readonly group_version: number | null;
  readonly group_weights: unknown;
  readonly calibration_version: number | null;
  readonly buckets: unknown;
  readonly champion_version: number | null;
  readonly champion: string | null;
  readonly reason: string | null;
  readonly decided_at: Date | null;
}

const newest = (table: string, columns: string, time: string, key = 'series_id') => `
  LEFT JOIN LATERAL (
    SELECT version, ${columns} FROM ${table}
    WHERE ${key} = wanted.${key} AND ($2::timestamptz IS NULL OR ${time} <= $2)
    ORDER BY version DESC LIMIT 1
  ) AS ${table} ON true`;

/** What the scorecard taught: weights, calibrations and champions, each version a row of its own. */
export class SkillRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The newest versions of each series; with `asOf`, those that were known then.
   *
   * @param groups the group of each series, where those of the group are wanted too.
   * @returns in the order asked for.
   */
  async load(
    seriesIds: readonly number[],
    asOf?: Date,
    manager: EntityManager = this.dataSource.manager,
    groups: readonly string[] = [],
  ) {
    if (seriesIds.length === 0) return [];
    const rows = await manager.query<SkillRow[]>(
      `SELECT wanted.series_id, aggregation_weights.version AS weights_version, aggregation_weights.weights,
              aggregation_weights.created_at AS weights_created_at,
              group_weights.version AS group_version, group_weights.weights AS group_weights,
              calibrations.version AS calibration_version, buckets, champions.version AS champion_version, champion, reason,
              decided_at
       FROM unnest($1::int[], $3::text[]) WITH ORDINALITY AS wanted (series_id, group_key, position)
       ${newest('aggregation_weights', 'weights, created_at', 'created_at')}
       ${newest('group_weights', 'weights', 'created_at', 'group_key')}
       ${newest('calibrations', 'buckets', 'created_at')}
       ${newest('champions', 'champion, reason, decided_at', 'decided_at')}
       ORDER BY wanted.position`,
      [seriesIds, asOf ?? null, groups],
    );
    return rows.map(toSkill);
  }

  /**
   * The series that waits longest for a look, by points scored since the last one; undefined where none has enough.
   * Marks it as looked at; a roll-back takes that back.
   */
  async claim(fewestPoints: number, now: Date, manager: EntityManager): Promise<number | undefined> {
    const [[row]] = await manager.query<[{ series_id: number }[], number]>(
      `UPDATE skill_reviews SET points = 0, reviewed_at = $2 WHERE series_id = (
         SELECT series_id FROM skill_reviews WHERE points >= $1 ORDER BY points DESC LIMIT 1 FOR UPDATE SKIP LOCKED
       ) RETURNING series_id`,
      [fewestPoints, now],
    );
    return row?.series_id;
  }

  /** The last points of a series that were scored, oldest first. */
  async scoredPoints(seriesId: number, most: number, manager: EntityManager): Promise<ChangedPoint[]> {
    const rows = await manager.query<{ ts: Date; value: number; known_at: Date }[]>(
      `SELECT ts, value, known_at FROM scored_points WHERE series_id = $1 ORDER BY ts DESC LIMIT $2`,
      [seriesId, most],
    );
    return rows
      .map(({ ts, value, known_at }) => ({ seriesId, ts: ts.getTime(), value, scoredValue: value, knownAt: known_at }))
      .reverse();
  }

  /** The models behind a forecast that only have a role on its series, and were no part of what was put together. */
  async outsiders(forecastId: string, manager: EntityManager): Promise<string[]> {
    const rows = await manager.query<{ model: string }[]>(
      `SELECT role.key AS model FROM forecasts, jsonb_each(parts -> 'roles') AS role
       WHERE forecast_id = $1 AND role.value -> 'outside' IS NOT NULL`,
      [forecastId],
    );
    return rows.map(({ model }) => model);
  }

  /** Losses of the last days that have any, oldest first. */
  async dayLosses(seriesId: number, days: number, manager: EntityManager): Promise<DayLoss[]> {
    const rows = await manager.query<(DayLoss & { points: string })[]>(
      `WITH last AS (SELECT DISTINCT day FROM scores WHERE series_id = $1 ORDER BY day DESC LIMIT $2)
       SELECT day::text, model, sum(points) AS points, sum(loss) AS loss
       FROM scores JOIN last USING (day)
       WHERE series_id = $1 GROUP BY day, model HAVING sum(points) > 0 ORDER BY day, model`,
      [seriesId, days],
    );
    return rows.map((row) => ({ ...row, points: Number(row.points) }));
  }

  /** Remembers which group a series belongs to. */
  async joinGroup(seriesId: number, group: string, manager: EntityManager): Promise<void> {
    await manager.query(
      `UPDATE skill_reviews SET group_key = $2 WHERE series_id = $1 AND group_key IS DISTINCT FROM $2`,
      [seriesId, group],
    );
    await manager.query(`INSERT INTO weight_groups (group_key) VALUES ($1) ON CONFLICT DO NOTHING`, [group]);
  }

  /**
   * A group whose weights were last fitted before a time, and of which a series was reviewed since; undefined where there
   * is none. Marks it as fitted; a roll-back takes that back.
   */
  async claimGroup(before: Date, now: Date, manager: EntityManager): Promise<string | undefined> {
    const [[row]] = await manager.query<[{ group_key: string }[], number]>(
      `UPDATE weight_groups SET fitted_at = $2 WHERE group_key = (
         SELECT group_key FROM weight_groups g
         WHERE fitted_at < $1 AND EXISTS (
           SELECT FROM skill_reviews r WHERE r.group_key = g.group_key AND r.reviewed_at > g.fitted_at
         )
         ORDER BY fitted_at LIMIT 1 FOR UPDATE SKIP LOCKED
       ) RETURNING group_key`,
      [before, now],
    );
    return row?.group_key;
  }

  /** Series of a group, those first that were reviewed last. */
  async membersOf(group: string, most: number, manager: EntityManager): Promise<number[]> {
    const rows = await manager.query<{ series_id: number }[]>(
      `SELECT series_id FROM skill_reviews WHERE group_key = $1 AND reviewed_at IS NOT NULL
       ORDER BY reviewed_at DESC LIMIT $2`,
      [group, most],
    );
    return rows.map(({ series_id }) => series_id);
  }

  async saveGroupWeights(group: string, weights: object, samples: number, now: Date, manager: EntityManager) {
    await manager.query(
      `INSERT INTO group_weights (group_key, version, weights, samples, created_at)
       SELECT $1::text, coalesce(max(version), 0) + 1, $2, $3, $4 FROM group_weights WHERE group_key = $1::text`,
      [group, JSON.stringify(weights), samples, now],
    );
  }

  async saveWeights(seriesId: number, weights: object, samples: number, now: Date, manager: EntityManager) {
    await manager.query(
      `INSERT INTO aggregation_weights (series_id, version, weights, samples, created_at)
       SELECT $1::int, coalesce(max(version), 0) + 1, $2, $3, $4 FROM aggregation_weights WHERE series_id = $1::int`,
      [seriesId, JSON.stringify(weights), samples, now],
    );
  }

  async saveCalibration(seriesId: number, buckets: object, now: Date, manager: EntityManager) {
    await manager.query(
      `INSERT INTO calibrations (series_id, version, buckets, created_at)
       SELECT $1::int, coalesce(max(version), 0) + 1, $2, $3 FROM calibrations WHERE series_id = $1::int`,
      [seriesId, JSON.stringify(buckets), now],
    );
  }

  /** The audit row of a change of what is served. */
  async crown(
    seriesId: number,
    change: { champion: string; replaced: string; reason: string },
    now: Date,
    manager: EntityManager,
  ) {
    await manager.query(
      `INSERT INTO champions (series_id, version, champion, replaced, reason, decided_at)
       SELECT $1::int, coalesce(max(version), 0) + 1, $2, $3, $4, $5 FROM champions WHERE series_id = $1::int`,
      [seriesId, change.champion, change.replaced, change.reason, now],
    );
  }
}

function toSkill(row: SkillRow): StoredSkill {
  return {
    ...(row.weights_version !== null && {
      weights: { version: row.weights_version, value: row.weights, createdAt: row.weights_created_at },
    }),
    ...(row.group_version !== null && { group: { version: row.group_version, value: row.group_weights } }),
    ...(row.calibration_version !== null && { calibration: { version: row.calibration_version, value: row.buckets } }),
    ...(row.champion_version !== null && {
      champion: {
        version: row.champion_version,
        champion: row.champion!,
        reason: row.reason!,
        decidedAt: row.decided_at!,
      },
    }),
  };
}
