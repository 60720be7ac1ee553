import { hostname } from 'node:os';
import { ENV, type Env } from '@app/config';
import type { ModelEvent } from '@app/inference';
import { LOGGER, PlatformError, type Logger } from '@app/observability';
import { ModelRepository } from '@app/persistence';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

import type { ModelCommand } from './forecast-client.js';
import { MODEL_CATALOGUE, type ModelCatalogue } from './model-catalogue.js';

/** Looks for changed model packages from time to time, does what is asked of them, and writes down what becomes of them. */
@Injectable()
export class ModelKeeper implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #forecaster = `${hostname()}:${process.pid}`;
  #timer: NodeJS.Timeout | undefined;
  #scanning = false;
  /** Rows are written one after another: their order is the history. */
  #written: Promise<void> = Promise.resolve();

  constructor(
    @Inject(MODEL_CATALOGUE) private readonly catalogue: ModelCatalogue,
    private readonly models: ModelRepository,
    @Inject(ENV) private readonly env: Pick<Env, 'MODELS_RESCAN_SECONDS'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    const { packages } = this.catalogue;
    if (!packages) return;
    for (const event of packages.events()) this.#record(event);
    packages.onEvent((event) => this.#record(event));
    const seconds = this.env.MODELS_RESCAN_SECONDS;
    if (seconds > 0) this.#timer = setInterval(() => void this.#rescan(), seconds * 1000).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.#timer);
    await this.#written;
  }

  /** @throws PlatformError MODEL_NOT_FOUND; for `load` what is wrong with a package that is refused. */
  async manage(command: ModelCommand): Promise<void> {
    const { packages } = this.catalogue;
    if (!packages) throw new PlatformError('MODEL_NOT_FOUND', 'this forecaster has no model packages');
    if (command.action === 'load') await packages.bring(command.name);
    else if (command.action === 'unload') await packages.unload(command.name);
    else await packages.scan();
  }

  /** A look that takes longer than the interval is not overtaken by the next. */
  async #rescan(): Promise<void> {
    if (this.#scanning) return;
    this.#scanning = true;
    try {
      await this.catalogue.packages?.scan();
    } catch (error) {
      this.logger.error({ err: error }, 'the folders of model packages were not looked at; what was loaded serves on');
    } finally {
      this.#scanning = false;
    }
  }

  #record(event: ModelEvent): void {
    this.#written = this.#written
      .then(() => this.models.record({ ...event, forecaster: this.#forecaster }))
      .catch((error: unknown) =>
        this.logger.warn({ err: error, ...event }, 'a change of a model package is missing in its history'),
      );
  }
}
