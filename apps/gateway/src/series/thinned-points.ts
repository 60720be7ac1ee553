import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { knownPoints, pointParameters, type PointRange } from './known-points.js';
import type { ObservationsPage } from './series.schema.js';

interface Point {
  readonly ts: Date;
  readonly value: number;
}

type Thinned = Pick<ObservationsPage, 'observations' | 'thinned' | 'next_cursor'>;

/** Reads a stretch of a series for a chart: no more points than it can show, and none of its spikes lost. */
@Injectable()
export class ThinnedPoints {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * All points, oldest first, where there are at most `maxPoints`; otherwise of equal stretches of time the lowest and the
   * highest, each at its own time (min-max decimation). A line through them covers the same pixels as one through all, as
   * long as a stretch is no wider than a pixel.
   */
  async read(seriesId: number, range: PointRange, maxPoints: number): Promise<Thinned> {
    const points = knownPoints(range.as_of);
    const parameters = pointParameters(seriesId, range);
    const begin = await this.dataSource.query<Point[]>(`${points} ORDER BY o.ts LIMIT $5`, [
      ...parameters,
      maxPoints + 1,
    ]);
    const [first] = begin;
    if (!first || begin.length <= maxPoints) return { observations: begin.map(view), next_cursor: null };

    const [last] = await this.dataSource.query<Point[]>(`${points} ORDER BY o.ts DESC LIMIT 1`, parameters);
    const spanMs = (last ?? first).ts.getTime() - first.ts.getTime() + 1;
    const stretchMs = Math.ceil(spanMs / Math.floor(maxPoints / 2));
    const rows = await this.dataSource.query<(Point & { all_points: string })[]>(
      `WITH points AS NOT MATERIALIZED (${points}), stretches AS (
         SELECT date_bin($5 * interval '1 millisecond', ts, $6) AS stretch, min(value) AS low, max(value) AS high,
                count(*) AS points
         FROM points GROUP BY 1
       )
       SELECT min(p.ts) AS ts, p.value, (SELECT sum(points) FROM stretches) AS all_points
       FROM stretches s
       JOIN points p ON date_bin($5 * interval '1 millisecond', p.ts, $6) = s.stretch AND p.value IN (s.low, s.high)
       GROUP BY s.stretch, p.value
       ORDER BY 1`,
      [...parameters, stretchMs, first.ts],
    );
    return {
      observations: rows.map(view),
      thinned: {
        method: 'min-max',
        points: Number(rows[0]?.all_points ?? 0),
        stretch_seconds: stretchMs / 1000,
      },
      next_cursor: null,
    };
  }
}

function view({ ts, value }: Point): ObservationsPage['observations'][number] {
  return { ts: ts.toISOString(), value };
}
