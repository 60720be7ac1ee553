import { AGGREGATE } from '@app/forecasters';
import { LOGGER, type Logger } from '@app/observability';
import { ModelRoleRepository, SkillRepository } from '@app/persistence';
import { chooseChampion, GUARD_DEFAULTS, type AggregationWeights } from '@app/uncertainty';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';

import { planRoles } from '../roles/role-plan.js';
import { blocksOf, calibrationsOf, DAYS_BACK, POINTS_A_FIT, POINTS_A_REVIEW, samplesOf, weightsOf } from './learn.js';
import { SkillHistory, type SeriesHistory } from './skill-history.js';

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
    private readonly histories: SkillHistory,
    private readonly skills: SkillRepository,
    private readonly roles: ModelRoleRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Reviews the series with the most to learn from. Versions and the mark that it was looked at commit together. */
  async reviewNext(now: Date): Promise<ReviewStatus> {
    return this.dataSource.transaction('READ COMMITTED', async (manager) => {
      const seriesId = await this.skills.claim(POINTS_A_REVIEW, now, manager);
      if (seriesId === undefined) return 'idle';
      const history = await this.histories.of(seriesId, manager);
      if (history.freq !== undefined) await this.skills.joinGroup(seriesId, history.freq, manager);
      const calibration = calibrationsOf(history);
      if (calibration) await this.skills.saveCalibration(seriesId, calibration, now, manager);
      await this.weigh(seriesId, history, now, manager);
      await this.guard(seriesId, now, manager);
      return 'reviewed';
    });
  }

  /** Fitting costs more than all else, and weights change more slowly: only when enough has come since the last time. */
  private async weigh(seriesId: number, history: SeriesHistory, now: Date, manager: EntityManager): Promise<void> {
    const groups = history.freq === undefined ? [] : [history.freq];
    const [skill] = await this.skills.load([seriesId], undefined, manager, groups);
    const last = skill?.weights?.createdAt.getTime() ?? 0;
    const fresh = new Set(history.pairs.flatMap(({ point }) => (point.knownAt.getTime() > last ? [point.ts] : [])))
      .size;
    if (fresh < POINTS_A_FIT) return;
    const fitted = weightsOf(samplesOf(history), skill?.group?.value as AggregationWeights | undefined);
    if (fitted) await this.skills.saveWeights(seriesId, fitted.weights, fitted.samples, now, manager);
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
    const home = serves?.model ?? AGGREGATE;
    const decision = chooseChampion(champion, candidates, blocks, { ...GUARD_DEFAULTS, home });
    if (!decision.changed) return;
    const change = { champion: decision.champion, replaced: champion, reason: decision.reason };
    await this.skills.crown(seriesId, change, now, manager);
    this.logger.info({ seriesId, ...change }, 'what is served on a series has changed');
  }
}
