import { PlatformError } from '@app/observability';
import { ReadDatabase } from '@app/persistence';
import { Inject, Injectable } from '@nestjs/common';
import type { ChampionView, ScorecardQuery, ScorecardView, ScoreView } from './scorecard.schema.js';

const DAYS = 30;
const DAY_MS = 86_400_000;
const MOST_CHAMPIONS = 100;

/** Reads the scorecard of an item. */
@Injectable()
export class ScorecardReader {
  constructor(@Inject(ReadDatabase) private readonly database: Pick<ReadDatabase, 'query'>) {}

  /**
   * Scores over a stretch of days, by channel, model and lead bucket, and over all leads.
   *
   * @throws PlatformError NOT_FOUND where there is no such series; INVALID_REQUEST for a stretch that ends before it begins.
   */
  async read(query: ScorecardQuery, now: Date): Promise<ScorecardView> {
    const to = query.to ?? dayOf(now.getTime());
    const from = query.from ?? dayOf(Date.parse(to) - (DAYS - 1) * DAY_MS);
    if (from > to) throw new PlatformError('INVALID_REQUEST', `from ${from} is after to ${to}; turn them round`);
    const { item_id, channel, model } = query;
    const seriesIds = await this.seriesOf(item_id, channel);
    const [scores, champions] = await Promise.all([this.scores(seriesIds, model, from, to), this.champions(seriesIds)]);
    return { item_id, from, to, scores, champions };
  }

  private async seriesOf(itemId: string, channel: string | undefined): Promise<number[]> {
    const rows = await this.database.query<{ series_id: number }[]>(
      `SELECT series_id FROM series WHERE item_id = $1 AND ($2::text IS NULL OR channel = $2)`,
      [itemId, channel ?? null],
    );
    if (rows.length > 0) return rows.map(({ series_id }) => series_id);
    const name = channel === undefined ? `"${itemId}"` : `"${itemId}"/"${channel}"`;
    throw new PlatformError('NOT_FOUND', `there is no series ${name}; GET /api/v1/series lists what there is`);
  }

  private async scores(seriesIds: number[], model: string | undefined, from: string, to: string) {
    const rows = await this.database.query<(ScoreView & { points: string })[]>(
      `SELECT s.channel, c.model, c.lead_bucket, sum(c.points) AS points,
              sum(c.loss) / nullif(sum(c.abs_actual), 0) AS wql,
              sum(c.scaled_error) / nullif(sum(c.scaled_points), 0) AS mase,
              sum(c.abs_error) / sum(c.points) AS mae,
              sum(c.inside_80) / sum(c.points) AS coverage_80,
              sum(c.inside_95) / sum(c.points) AS coverage_95,
              sum(c.width_80) / sum(c.points) AS width_80,
              sum(c.width_95) / sum(c.points) AS width_95
       FROM scores c JOIN series s USING (series_id)
       WHERE c.series_id = ANY($1) AND ($2::text IS NULL OR c.model = $2) AND c.day BETWEEN $3 AND $4
       GROUP BY s.channel, c.model, GROUPING SETS ((c.lead_bucket), ())
       HAVING sum(c.points) > 0
       ORDER BY s.channel COLLATE "C", c.model COLLATE "C", c.lead_bucket NULLS FIRST`,
      [seriesIds, model ?? null, from, to],
    );
    return rows.map((row) => ({ ...row, points: Number(row.points) }));
  }

  private async champions(seriesIds: number[]): Promise<ChampionView[]> {
    const rows = await this.database.query<(ChampionView & { decided_at: Date })[]>(
      `SELECT s.channel, c.champion, c.replaced, c.reason, c.decided_at
       FROM champions c JOIN series s USING (series_id)
       WHERE c.series_id = ANY($1)
       ORDER BY s.channel COLLATE "C", c.version DESC
       LIMIT ${MOST_CHAMPIONS}`,
      [seriesIds],
    );
    return rows.map((row) => ({ ...row, decided_at: row.decided_at.toISOString() }));
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
