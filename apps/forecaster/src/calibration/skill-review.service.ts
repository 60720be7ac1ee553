import { AGGREGATE } from '@app/forecasters';
import { LOGGER, type Logger } from '@app/observability';
import { ModelRoleRepository, ScoreRepository, SkillRepository } from '@app/persistence';
import { chooseChampion, GUARD_DEFAULTS } from '@app/uncertainty';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';

import { planRoles } from '../roles/role-plan.js';
import { pairSteps } from '../scorecard/score-points.js';
import { blocksOf, calibrationsOf, onePerBucket, weightsOf, type History } from './learn.js';

/** Points scored since the last look at which a series is looked at again. */
const POINTS_A_REVIEW = 12;
/** Points looked back over: the rolling window of the calibration. */
const POINTS_BACK = 200;
/** Days that the guard compares over. */
const DAYS_BACK = 28;

/** What one look for series to review came to. */
export type ReviewStatus = 'reviewed' | 'idle';

/**
 * Learns from the scorecard, a series at a time: weights, the calibration of each lead bucket, and which forecast is
 * served. Each result is a new version; what a stored forecast was made with stays.
 */
@Injectable()
export class SkillReviewService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly scores: ScoreRepository,
    private readonly skills: SkillRepository,
    private readonly roles: ModelRoleRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Reviews the series with the most to learn from. Versions and the mark that it was looked at commit together. */
  async reviewNext(now: Date): Promise<ReviewStatus> {
    return this.dataSource.transaction('READ COMMITTED', async (manager) => {
      const seriesId = await this.skills.claim(POINTS_A_REVIEW, now, manager);
      if (seriesId === undefined) return 'idle';
      const history = await this.history(seriesId, manager);
      const calibration = calibrationsOf(history);
      if (calibration) await this.skills.saveCalibration(seriesId, calibration, now, manager);
      const fitted = weightsOf(history);
      if (fitted) await this.skills.saveWeights(seriesId, fitted.weights, fitted.samples, now, manager);
      await this.guard(seriesId, now, manager);
      return 'reviewed';
    });
  }

  private async history(seriesId: number, manager: EntityManager): Promise<History> {
    const points = await this.skills.scoredPoints(seriesId, POINTS_BACK, manager);
    const { forecasts } = await this.scores.covering(points, manager);
    const pairs = onePerBucket(pairSteps(points, forecasts));
    if (pairs.length === 0) return { pairs, steps: [], outsiders: new Set() };
    const steps = await this.scores.steps(pairs, manager);
    return { pairs, steps, outsiders: new Set(await this.skills.outsiders(pairs.at(-1)!.forecastId, manager)) };
  }

  /** What is served must not lose to seasonal naive, nor clearly to what else there is; shadows are never served. */
  private async guard(seriesId: number, now: Date, manager: EntityManager): Promise<void> {
    const blocks = blocksOf(await this.skills.dayLosses(seriesId, DAYS_BACK, manager));
    const [skill] = await this.skills.load([seriesId], undefined, manager);
    const { serves, guard, rivals } = planRoles(
      await this.roles.match([seriesId], undefined, manager),
      skill?.champion,
    );
    const champion = serves?.model ?? guard?.champion ?? AGGREGATE;
    const shadows = new Set(rivals.filter(({ role }) => role === 'shadow').map(({ model }) => model));
    const candidates = [...new Set(blocks.flatMap(({ losses }) => Object.keys(losses)))].filter(
      (model) => !shadows.has(model),
    );
    const decision = chooseChampion(champion, candidates, blocks, GUARD_DEFAULTS);
    if (!decision.changed) return;
    const change = { champion: decision.champion, replaced: champion, reason: decision.reason };
    await this.skills.crown(seriesId, change, now, manager);
    this.logger.info({ seriesId, ...change }, 'what is served on a series has changed');
  }
}
