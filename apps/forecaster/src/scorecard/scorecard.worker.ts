import { setTimeout as sleep } from 'node:timers/promises';
import { LOGGER, metrics, type Logger } from '@app/observability';
import { ScoreRepository } from '@app/persistence';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

import { Pause } from '../jobs/pause.js';
import { GroupFitService } from '../calibration/group-fit.service.js';
import { SkillReviewService } from '../calibration/skill-review.service.js';
import { RetentionService } from './retention.service.js';
import { ScorecardService } from './scorecard.service.js';

/** How long to rest when nothing waits. */
const IDLE_MS = 1_000;
/** And after a failure: the database may be away. */
const FAILED_MS = 5_000;
const PATIENCE_MS = 1_400;

/** Scores arrived points, learns from the scores and forgets what is past its retention, in the background. Any number of forecasters may: each note is worked off by one of them. */
@Injectable()
export class ScorecardWorker implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #rest = new Pause();
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly service: ScorecardService,
    private readonly reviews: SkillReviewService,
    private readonly groups: GroupFitService,
    private readonly retention: RetentionService,
    private readonly scores: ScoreRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.#loop = this.run();
  }

  /** What is under work is finished, or rolled back with the connection and done again elsewhere. */
  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    this.#rest.end();
    await Promise.race([this.#loop, sleep(PATIENCE_MS, undefined, { ref: false })]);
  }

  private async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        // First what has arrived: what is learnt from it may come late.
        const now = new Date();
        if ((await this.service.scoreNext(now)) === 'scored') continue;
        if ((await this.reviews.reviewNext(now)) === 'reviewed') continue;
        if ((await this.groups.fitNext(now)) === 'fitted') continue;
        if ((await this.retention.removeNext(now)) === 'removed') continue;
        metrics.scoreBacklog.set((await this.scores.backlog()).tasks);
        await this.#rest.wait(IDLE_MS);
      } catch (error) {
        if (this.#stopped) return;
        this.logger.error(
          { err: error },
          'arrived points were not scored or learnt from; they wait and are tried again',
        );
        await this.#rest.wait(FAILED_MS);
      }
    }
  }
}
