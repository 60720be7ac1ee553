import type { EntityManager } from 'typeorm';

import { int4Array, timestamptzArray } from '../pg-arrays.js';

/** Points by series and time, in columns of one length. */
export interface PointKeys {
  readonly seriesIds: ArrayLike<number>;
  /** Epoch milliseconds. */
  readonly ts: ArrayLike<number>;
}

/**
 * Notes in the caller's transaction that points arrived or changed, to be scored: one row a call, and only points of
 * series that have ever been forecast. Costs a join with one row a forecast series.
 */
export async function queueScoring(manager: EntityManager, { seriesIds, ts }: PointKeys): Promise<void> {
  await manager.query(
    `INSERT INTO score_tasks (series_ids, ts)
     SELECT array_agg(series_id), array_agg(ts)
     FROM unnest($1::int[], $2::timestamptz[]) AS p (series_id, ts)
     JOIN forecast_spans USING (series_id)
     HAVING count(*) > 0`,
    [int4Array(seriesIds), timestamptzArray(ts)],
  );
}
