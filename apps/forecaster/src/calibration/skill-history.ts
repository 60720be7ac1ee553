import { ScoreRepository, SkillRepository, type CoveringForecast } from '@app/persistence';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { pairSteps } from '../scorecard/score-points.js';
import { onePerBucket, POINTS_BACK, type History } from './learn.js';

/** What is looked back over in a series, and the spacing of its newest forecast. */
export interface SeriesHistory extends History {
  readonly freq: string | undefined;
}

/** Reads the scored points of a series with what every model had said about them. */
@Injectable()
export class SkillHistory {
  constructor(
    private readonly scores: ScoreRepository,
    private readonly skills: SkillRepository,
  ) {}

  /** Costs the same however long a series has been scored. */
  async of(seriesId: number, manager: EntityManager): Promise<SeriesHistory> {
    const points = await this.skills.scoredPoints(seriesId, POINTS_BACK, manager);
    const { forecasts } = await this.scores.covering(points, manager);
    const pairs = onePerBucket(pairSteps(points, forecasts));
    const freq = newest(forecasts)?.freq;
    if (pairs.length === 0) return { pairs, steps: [], outsiders: new Set(), freq };
    const steps = await this.scores.steps(pairs, manager);
    const outsiders = new Set(await this.skills.outsiders(pairs.at(-1)!.forecastId, manager));
    return { pairs, steps, outsiders, freq };
  }
}

function newest(forecasts: readonly CoveringForecast[]): CoveringForecast | undefined {
  return forecasts.reduce<CoveringForecast | undefined>(
    (held, one) => (held && held.cutoff >= one.cutoff ? held : one),
    undefined,
  );
}
