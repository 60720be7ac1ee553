import { ENV, type Env } from '@app/config';
import { LOGGER, type Logger } from '@app/observability';
import { ScoreRepository } from '@app/persistence';
import { Inject, Injectable } from '@nestjs/common';

import { POINTS_BACK } from '../calibration/learn.js';

const DAY_MS = 86_400_000;
/** A scorer that has begun before must not find a point forgotten that it still takes for young enough. */
const MARGIN_MS = DAY_MS;
/** Rows removed in one statement: a lock is never held for long. */
const ROWS_AT_ONCE = 5_000;
/** From the end of one round to the next. */
const ROUND_MS = 3_600_000;

/** What one step of a round came to. */
export type RetentionStatus = 'removed' | 'idle';

/**
 * Forgets what is past its retention, a batch at a time, so that who does it can look after other things in between. Any
 * number of forecasters may: what one has removed the others don't find.
 */
@Injectable()
export class RetentionService {
  #next = 0;
  /** The series that was last looked at; undefined while shadows are removed. */
  #series: number | undefined;
  #removed = 0;

  constructor(
    private readonly scores: ScoreRepository,
    @Inject(ENV) private readonly env: Pick<Env, 'SCORED_POINTS_RETENTION_DAYS' | 'SHADOW_RETENTION_DAYS'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Points before it that nobody remembers having scored are too old to be scored. */
  oldest(now: Date): Date {
    return new Date(now.getTime() - this.env.SCORED_POINTS_RETENTION_DAYS * DAY_MS);
  }

  /** Removes one batch: shadows first, then the points of one series after the other. */
  async removeNext(now: Date): Promise<RetentionStatus> {
    if (now.getTime() < this.#next) return 'idle';
    if (this.#series === undefined) {
      const before = new Date(now.getTime() - this.env.SHADOW_RETENTION_DAYS * DAY_MS);
      const removed = await this.scores.forgetShadows(before, ROWS_AT_ONCE);
      this.#removed += removed;
      if (removed < ROWS_AT_ONCE) this.#series = 0;
      return 'removed';
    }
    const before = new Date(this.oldest(now).getTime() - MARGIN_MS);
    const forgotten = await this.scores.forgetPoints(this.#series, { before, kept: POINTS_BACK, most: ROWS_AT_ONCE });
    if (!forgotten) return this.#finish(now);
    this.#removed += forgotten.removed;
    // A full batch: there may be more of this series.
    if (forgotten.removed < ROWS_AT_ONCE) this.#series = forgotten.seriesId;
    return 'removed';
  }

  #finish(now: Date): RetentionStatus {
    if (this.#removed > 0) this.logger.info({ removed: this.#removed }, 'scores past their retention were forgotten');
    this.#series = undefined;
    this.#removed = 0;
    this.#next = now.getTime() + ROUND_MS;
    return 'idle';
  }
}
