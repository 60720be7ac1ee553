import type { DataSource, EntityManager } from 'typeorm';

import type { SeriesSelector } from '../entities/job.entity.js';
import { int4Array, textArray } from '../pg-arrays.js';

/** When arriving points of some series make a forecast. At least one of `everyPoints` and `align` is set. */
export interface StreamPolicy {
  readonly policyId: string;
  readonly name: string;
  readonly selector: SeriesSelector;
  readonly horizon: number;
  readonly model: string;
  /** Points of a series from one forecast to the next. */
  readonly everyPoints: number | null;
  /** ISO-8601 duration: a forecast as soon as the newest time reaches or passes a multiple of it. */
  readonly align: string | null;
  /** ISO-8601 duration between two forecasts of a series at least. */
  readonly atMostEvery: string | null;
  readonly enabled: boolean;
  readonly createdAt: Date;
}

/** How far a policy is on a series. */
export interface StreamState {
  readonly policyId: string;
  readonly seriesId: number;
  /** Points counted so far: those that moved the newest time on. */
  readonly points: number;
  /** Epoch milliseconds; null before the first point. */
  readonly newest: number | null;
  /** A forecast is due and waits for `atMostEvery`. */
  readonly pending: boolean;
  /** When the newest forecast was made, epoch milliseconds. */
  readonly forecastAt: number | null;
  /** Cutoff of the newest forecast, epoch milliseconds. */
  readonly cutoff: number | null;
}

/** A policy that applies to a series, and how far it is there. */
export interface PolicyMatch extends StreamState {
  readonly itemId: string;
  readonly channel: string;
  readonly timeZone: string;
  readonly policy: StreamPolicy;
}

const POLICY = `p.policy_id AS "policyId", p.name, p.selector, p.horizon, p.model, p.every_points AS "everyPoints", p.align,
                p.at_most_every AS "atMostEvery", p.enabled, p.created_at AS "createdAt"`;
const ms = (column: string) => `(extract(epoch FROM st.${column}) * 1000)::float8`;
const STATE = `coalesce(st.points, 0)::float8 AS points, ${ms('newest')} AS newest, coalesce(st.pending, false) AS pending,
               ${ms('forecast_at')} AS "forecastAt", ${ms('cutoff')} AS cutoff`;

/** Policies of stream forecasts and how far each is on each series. */
export class StreamPolicyRepository {
  constructor(private readonly dataSource: DataSource) {}

  async create(policy: Omit<StreamPolicy, 'createdAt'>): Promise<StreamPolicy> {
    await this.dataSource.query(
      `INSERT INTO stream_policies (policy_id, name, selector, horizon, model, every_points, align, at_most_every, enabled)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        policy.policyId,
        policy.name,
        JSON.stringify(policy.selector),
        policy.horizon,
        policy.model,
        policy.everyPoints,
        policy.align,
        policy.atMostEvery,
        policy.enabled,
      ],
    );
    return (await this.find(policy.policyId))!;
  }

  /** In the order of their names. */
  findAll(): Promise<StreamPolicy[]> {
    return this.dataSource.query(`SELECT ${POLICY} FROM stream_policies p ORDER BY p.name`);
  }

  async find(policyId: string): Promise<StreamPolicy | undefined> {
    const [policy] = await this.dataSource.query<StreamPolicy[]>(
      `SELECT ${POLICY} FROM stream_policies p WHERE p.policy_id = $1`,
      [policyId],
    );
    return policy;
  }

  async setEnabled(policyId: string, enabled: boolean): Promise<void> {
    await this.dataSource.query(`UPDATE stream_policies SET enabled = $2 WHERE policy_id = $1`, [policyId, enabled]);
  }

  async delete(policyId: string): Promise<void> {
    await this.dataSource.query(`DELETE FROM stream_policies WHERE policy_id = $1`, [policyId]);
  }

  /** Whether any policy is enabled: without one the stream need not be looked at. */
  async anyEnabled(): Promise<boolean> {
    const [row] = await this.dataSource.query<{ any: boolean }[]>(
      `SELECT EXISTS (SELECT FROM stream_policies WHERE enabled) AS any`,
    );
    return row!.any;
  }

  /** Every enabled policy with each of these series that it selects; names that are no stored series are left out. */
  async match(series: readonly (readonly [itemId: string, channel: string])[]): Promise<PolicyMatch[]> {
    const rows = await this.dataSource.query<(StreamPolicy & Omit<PolicyMatch, 'policy'>)[]>(
      `SELECT ${POLICY}, s.series_id AS "seriesId", s.item_id AS "itemId", s.channel, s.time_zone AS "timeZone", ${STATE}
         FROM unnest($1::text[], $2::text[]) AS seen (item_id, channel)
         JOIN series s ON s.item_id = seen.item_id AND s.channel = seen.channel
         JOIN stream_policies p ON p.enabled AND s.labels @> coalesce(p.selector -> 'labels', '{}')
                               AND (p.selector -> 'itemIds' IS NULL OR p.selector -> 'itemIds' ? s.item_id)
         LEFT JOIN stream_states st ON st.policy_id = p.policy_id AND st.series_id = s.series_id
        ORDER BY s.series_id, p.policy_id`,
      [textArray(series.map(([itemId]) => itemId)), textArray(series.map(([, channel]) => channel))],
    );
    return rows.map((row) => ({ ...row, policy: row }));
  }

  /**
   * The states as they are, held until the transaction ends. In one order by all, so that nobody waits in a circle; those
   * of a policy that is gone are left out.
   */
  async lock(
    states: readonly Pick<StreamState, 'policyId' | 'seriesId'>[],
    manager: EntityManager,
  ): Promise<StreamState[]> {
    const keys = [textArray(states.map(({ policyId }) => policyId)), int4Array(states.map(({ seriesId }) => seriesId))];
    const wanted = `unnest($1::text[]::uuid[], $2::int[]) AS w (policy_id, series_id)`;
    await manager.query(
      `INSERT INTO stream_states (policy_id, series_id)
       SELECT w.policy_id, w.series_id FROM ${wanted} JOIN stream_policies p USING (policy_id)
        ORDER BY w.policy_id, w.series_id ON CONFLICT DO NOTHING`,
      keys,
    );
    return manager.query(
      `SELECT st.policy_id AS "policyId", st.series_id AS "seriesId", ${STATE}
         FROM stream_states st JOIN ${wanted} USING (policy_id, series_id)
        ORDER BY st.policy_id, st.series_id FOR UPDATE OF st`,
      keys,
    );
  }

  /** Moves locked states on; no time ever goes back. */
  async save(states: readonly StreamState[], manager: EntityManager): Promise<void> {
    const times = (of: (state: StreamState) => number | null) =>
      states.map((state) => {
        const time = of(state);
        return time === null ? null : new Date(time).toISOString();
      });
    await manager.query(
      `UPDATE stream_states held
          SET points = greatest(held.points, w.points), newest = greatest(held.newest, w.newest), pending = w.pending,
              forecast_at = greatest(held.forecast_at, w.forecast_at), cutoff = greatest(held.cutoff, w.cutoff)
         FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::timestamptz[], $5::bool[], $6::timestamptz[], $7::timestamptz[])
              AS w (policy_id, series_id, points, newest, pending, forecast_at, cutoff)
        WHERE held.policy_id = w.policy_id AND held.series_id = w.series_id`,
      [
        states.map(({ policyId }) => policyId),
        states.map(({ seriesId }) => seriesId),
        states.map(({ points }) => points),
        times(({ newest }) => newest),
        states.map(({ pending }) => pending),
        times(({ forecastAt }) => forecastAt),
        times(({ cutoff }) => cutoff),
      ],
    );
  }
}
