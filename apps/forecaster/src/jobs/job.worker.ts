import { setTimeout as sleep } from 'node:timers/promises';
import { ENV, type Env } from '@app/config';
import { withRunOptions } from '@app/inference';
import { LOGGER, PlatformError, messageOf, metrics, type Logger } from '@app/observability';
import { JobTaskRepository, SeriesRepository, type ClaimedTask, type JobRunFailure } from '@app/persistence';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';

import { ForecastService } from '../forecast.service.js';
import { Pause, untilAborted } from './pause.js';

/** What one look for work came to. */
export type WorkStatus = 'done' | 'gave-up' | 'failed' | 'overloaded' | 'idle' | 'stopped';

/** A task that failed, or whose worker died, this often is not tried again. */
const MAX_ATTEMPTS = 3;
const RETRY_AFTER_MS = [1_000, 5_000];
/** How long to rest when there is nothing to do: another forecaster may have started a run meanwhile. */
const IDLE_MS = 1_000;
/** How long a shutdown waits for the tasks under work before they are rolled back. */
const PATIENCE_MS = 1_400;
/** And how long for the roll-back, should the database hang: it does so by itself when the process ends. */
const ROLL_BACK_MS = 400;

/**
 * Works off the tasks of runs: claim, forecast, store, delete and count in one transaction. A few tasks are under work at
 * once, so that the network is busy while others are read and stored. Many workers share the tasks; one that is killed
 * in the middle leaves its tasks as they were.
 */
@Injectable()
export class JobWorker implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #rests: readonly Pause[];
  /** Ends the tasks under work. */
  readonly #abort = new AbortController();
  #stopped = false;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly dataSource: DataSource,
    private readonly tasks: JobTaskRepository,
    private readonly series: SeriesRepository,
    private readonly forecasts: ForecastService,
    @Inject(ENV) env: Pick<Env, 'JOB_TASKS_AT_ONCE' | 'DATABASE_POOL'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    // Each holds a connection and now and then needs one more: all of a pool held would be a deadlock.
    const atOnce = Math.min(env.JOB_TASKS_AT_ONCE, env.DATABASE_POOL - 1);
    this.#rests = Array.from({ length: atOnce }, () => new Pause());
  }

  onApplicationBootstrap(): void {
    this.#loops = Promise.all(this.#rests.map((rest) => this.run(rest)));
  }

  /** Lets the tasks under work finish; where that takes too long they are rolled back and come back elsewhere. */
  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await Promise.race([this.#loops, sleep(PATIENCE_MS, undefined, { ref: false })]);
    this.#abort.abort();
    await Promise.race([this.#loops, sleep(ROLL_BACK_MS, undefined, { ref: false })]);
  }

  /** Looks for work now rather than after the rest. */
  wake(): void {
    for (const rest of this.#rests) rest.end();
  }

  /** Does one task. */
  async work(now: Date): Promise<WorkStatus> {
    let task: ClaimedTask | undefined;
    try {
      return await this.dataSource.transaction(async (manager) => {
        task = await this.tasks.claim(now, manager);
        if (!task) return 'idle';
        if (task.attempts >= MAX_ATTEMPTS) return await this.giveUp(task, manager);

        await this.tasks.beginAttempt(task);
        const { signal } = this.#abort;
        const forecast = withRunOptions({ lane: 'batch', signal }, () =>
          this.forecasts.forecastTask(task!, now, manager),
        );
        const failures = await untilAborted(forecast, signal);
        await this.close(task, failures, manager);
        return 'done';
      });
    } catch (error) {
      if (!task) throw error;
      return this.afterFailure(task, error, now);
    }
  }

  private async run(rest: Pause): Promise<void> {
    while (!this.#stopped) {
      const status = await this.work(new Date()).catch((error: unknown) => {
        this.logger.error({ err: error }, 'no task could be claimed; trying again in a moment');
        return 'idle' as const;
      });
      // After a failure other tasks may be fine: this one waits by its retry time.
      if (!this.#stopped && (status === 'idle' || status === 'overloaded')) await rest.wait(IDLE_MS);
    }
  }

  /** Records every series of a task as failed, with what its last attempt failed of. */
  private async giveUp(task: ClaimedTask, manager: EntityManager): Promise<WorkStatus> {
    const code = task.code ?? 'INTERNAL';
    const message = task.message ?? `the forecaster ended ${task.attempts} times while it worked on this task`;
    const series = await this.series.findByIds(task.seriesIds, manager);
    const failures = series.map(({ itemId, channel }) => ({ itemId, channel, code, message }));
    await this.close(task, failures, manager);
    return 'gave-up';
  }

  private async close(task: ClaimedTask, failures: readonly JobRunFailure[], manager: EntityManager): Promise<void> {
    const status = await this.tasks.finish(task, failures, new Date(), manager);
    if (status !== 'running') metrics.jobRuns.inc({ status });
  }

  /** The task was rolled back; what remains is to say when it may be tried again. */
  private async afterFailure(task: ClaimedTask, error: unknown, now: Date): Promise<WorkStatus> {
    const code = error instanceof PlatformError ? error.code : 'INTERNAL';
    if (this.#abort.signal.aborted || code === 'OVERLOADED') {
      await this.tasks.forgetAttempt(task);
      return this.#abort.signal.aborted ? 'stopped' : 'overloaded';
    }
    // What a caller would have to change (the model's name, the horizon) no retry will change.
    const hopeless = error instanceof PlatformError && error.status < 500;
    const attempts = hopeless ? MAX_ATTEMPTS : task.attempts + 1;
    const retryAt = new Date(now.getTime() + (hopeless ? 0 : (RETRY_AFTER_MS[task.attempts] ?? 0)));
    this.logger.warn({ err: error, run: task.runId, task: task.taskId, attempts }, 'a task of a run failed');
    await this.tasks.failAttempt(task, { attempts, code, message: messageOf(error), retryAt });
    return 'failed';
  }
}
