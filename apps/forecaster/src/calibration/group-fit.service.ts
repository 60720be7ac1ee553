import { SkillRepository } from '@app/persistence';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { groupWeightsOf, samplesOf, type WeightSamples } from './learn.js';
import { SkillHistory } from './skill-history.js';

/** From one fit of a group's weights to the next. */
const EVERY_MS = 86_400_000;
/** Series whose scores go into one fit, those that were reviewed last. */
const MOST_SERIES = 50;

/** What one look for groups to fit came to. */
export type GroupFitStatus = 'fitted' | 'idle';

/**
 * Fits, once a day, the weights of all series of one spacing together: what the trial of a series without weights of its
 * own begins with, and what own weights are pulled to.
 */
@Injectable()
export class GroupFitService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly skills: SkillRepository,
    private readonly history: SkillHistory,
  ) {}

  /** Fits the group that has waited longest. */
  async fitNext(now: Date): Promise<GroupFitStatus> {
    return this.dataSource.transaction('READ COMMITTED', async (manager) => {
      const group = await this.skills.claimGroup(new Date(now.getTime() - EVERY_MS), now, manager);
      if (group === undefined) return 'idle';
      const samples: WeightSamples[] = [];
      for (const seriesId of await this.skills.membersOf(group, MOST_SERIES, manager)) {
        samples.push(samplesOf(await this.history.of(seriesId, manager)));
      }
      const fitted = groupWeightsOf(samples.filter((one) => one.samples.length > 0));
      if (fitted) await this.skills.saveGroupWeights(group, fitted.weights, fitted.samples, now, manager);
      return 'fitted';
    });
  }
}
