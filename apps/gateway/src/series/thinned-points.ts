import { Inject, Injectable } from '@nestjs/common';
import { ReadDatabase } from '@app/persistence';
import { knownPoints, pointParameters, type PointRange } from './known-points.js';
import type { ObservationsPage } from './series.schema.js';

interface Point {
  readonly ts: Date;
  readonly value: number;
}

/** Lowest and highest value of a stretch of time, each with its time in seconds since the epoch. */
interface Stretch {
  readonly low: [value: number, seconds: number];
  readonly high: [value: number, seconds: number];
  readonly points: number;
}

type Thinned = Pick<ObservationsPage, 'observations' | 'thinned' | 'next_cursor'>;

/** Reads a stretch of a series for a chart: no more points than it can show, and none of its spikes lost. */
@Injectable()
export class ThinnedPoints {
  constructor(@Inject(ReadDatabase) private readonly database: Pick<ReadDatabase, 'query'>) {}

  /**
   * All points, oldest first, where there are at most `maxPoints`; otherwise of equal stretches of time the lowest and the
   * highest, each at its own time (min-max decimation). A line through them covers the same pixels as one through all, as
   * long as a stretch is no wider than a pixel.
   */
  async read(seriesId: number, range: PointRange, maxPoints: number): Promise<Thinned> {
    const points = knownPoints(range.as_of);
    const parameters = pointParameters(seriesId, range);
    const begin = await this.database.query<Point[]>(`${points} ORDER BY o.ts LIMIT $5`, [
      ...parameters,
      maxPoints + 1,
    ]);
    const [first] = begin;
    if (!first || begin.length <= maxPoints) return { observations: begin.map(view), next_cursor: null };

    const [last] = await this.database.query<Point[]>(`${points} ORDER BY o.ts DESC LIMIT 1`, parameters);
    const spanMs = (last ?? first).ts.getTime() - first.ts.getTime() + 1;
    const stretchMs = Math.ceil(spanMs / Math.floor(maxPoints / 2));
    // One pass, whatever the planner believes of the series: a join of the extremes with their points may take for ever.
    const stretches = await this.database.query<Stretch[]>(
      `SELECT min(ARRAY[value, date_part('epoch', ts)]) AS low, max(ARRAY[value, date_part('epoch', ts)]) AS high,
              count(*)::int AS points
       FROM (${points}) AS points
       GROUP BY date_bin($5 * interval '1 millisecond', ts, $6)`,
      [...parameters, stretchMs, first.ts],
    );
    return {
      observations: stretches.flatMap(extremes).toSorted(byTime).map(view),
      thinned: {
        method: 'min-max',
        points: stretches.reduce((sum, { points }) => sum + points, 0),
        stretch_seconds: stretchMs / 1000,
      },
      next_cursor: null,
    };
  }
}

function extremes({ low, high }: Stretch): Point[] {
  const points = [low, high].map(([value, seconds]) => ({ value, ts: new Date(Math.round(seconds * 1_000)) }));
  return low[1] === high[1] ? points.slice(1) : points;
}

function byTime(a: Point, b: Point): number {
  return a.ts.getTime() - b.ts.getTime();
}

function view({ ts, value }: Point): ObservationsPage['observations'][number] {
  return { ts: ts.toISOString(), value };
}
