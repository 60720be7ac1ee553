import { metrics } from '@app/observability';
import { ScoreRepository, type ChangedPoint, type ForecastStep } from '@app/persistence';
import { scorePoint } from '@app/uncertainty';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';

import { RetentionService } from './retention.service.js';
import { pairSteps, scoreDeltas, type ScoredPair } from './score-points.js';

/** Each may be covered by a hundred forecasts and their shadows: bounds memory. */
const POINTS_AT_ONCE = 200;

interface Scored {
  readonly pairs: readonly ScoredPair[];
  readonly steps: readonly ForecastStep[];
}

/** What one look for arrived points came to. */
export type ScoreStatus = 'scored' | 'idle';

/**
 * Scores points as they arrive: each is joined with the stored forecasts that foretold it, at whatever lead, and the sums
 * of the scorecard are moved along. Claim, sums and what was scored commit together.
 */
@Injectable()
export class ScorecardService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly scores: ScoreRepository,
    private readonly retention: RetentionService,
  ) {}

  /** Works off one note of arrived points. */
  async scoreNext(now: Date): Promise<ScoreStatus> {
    const scored: Scored[] = [];
    const status = await this.dataSource.transaction('READ COMMITTED', async (manager): Promise<ScoreStatus> => {
      const task = await this.scores.claim(manager);
      if (!task) return 'idle';
      await this.scores.lock(task.seriesIds, manager);
      const points = await this.scores.changed(task, this.retention.oldest(now), manager);
      for (let start = 0; start < points.length; start += POINTS_AT_ONCE) {
        scored.push(await this.score(points.slice(start, start + POINTS_AT_ONCE), manager));
      }
      return 'scored';
    });
    scored.forEach(count);
    return status;
  }

  private async score(points: readonly ChangedPoint[], manager: EntityManager): Promise<Scored> {
    const { forecasts, seen } = await this.scores.covering(points, manager);
    const pairs = pairSteps(points, forecasts);
    if (pairs.length === 0) return { pairs, steps: [] };

    const steps = await this.scores.steps(pairs, manager);
    await this.scores.add(scoreDeltas(pairs, steps), manager);
    await this.scores.remember([...new Set(pairs.map(({ point }) => point))], seen, manager);
    return { pairs, steps };
  }
}

/** After the commit: what was rolled back was not scored. */
function count({ pairs, steps }: Scored): void {
  for (const { position, model, quantiles } of steps) {
    const { point } = pairs[position]!;
    // A correction is no further evidence on coverage.
    if (point.scoredValue !== null) continue;
    const { inside80, inside95 } = scorePoint(point.value, quantiles, Number.NaN);
    metrics.scoredSteps.inc({ model });
    metrics.insideSteps.inc({ model, coverage: '80' }, inside80);
    metrics.insideSteps.inc({ model, coverage: '95' }, inside95);
  }
}
