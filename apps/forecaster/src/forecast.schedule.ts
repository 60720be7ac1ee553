import { setTimeout as sleep } from 'node:timers/promises';
import { LOGGER, type Logger } from '@app/observability';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';

import { JobWorker } from './jobs/job.worker.js';
import { RunStarter } from './jobs/run-starter.js';

const TICK_MS = 1_000;

/** Picks due jobs, nothing else. Any number of forecasters may tick: each slot is started by one of them. */
@Injectable()
export class ForecastSchedule implements OnModuleDestroy {
  #ticking: Promise<void> | undefined;
  #stopped = false;

  constructor(
    private readonly starter: RunStarter,
    private readonly worker: JobWorker,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Interval(TICK_MS)
  tick(): void {
    if (this.#stopped || this.#ticking) return;
    this.#ticking = this.startDue()
      .catch((error: unknown) =>
        this.logger.error({ err: error }, 'due jobs were not started; the next tick tries again'),
      )
      .finally(() => (this.#ticking = undefined));
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    // A database that hangs must not hold up the end: an unfinished start is rolled back and made elsewhere.
    await Promise.race([this.#ticking, sleep(TICK_MS, undefined, { ref: false })]);
  }

  private async startDue(): Promise<void> {
    while (!this.#stopped && (await this.starter.startDue(new Date())) !== 'nothing-due') this.worker.wake();
  }
}
