import { withRunOptions } from '@app/inference';
import { currentSignal } from '@app/server';
import { Inject, Injectable } from '@nestjs/common';

import type {
  ForecastClient,
  ForecastCommand,
  ForecastOutcome,
  ModelCommand,
  ModelDescription,
} from './forecast-client.js';
import { ForecastService } from './forecast.service.js';
import { MODEL_CATALOGUE, type ModelCatalogue } from './model-catalogue.js';
import { ModelKeeper } from './model-keeper.js';

/** How long an asker waits at most, a little less than `HttpForecastClient` does. */
const PATIENCE_MS = 55_000;

/** The port where asker and forecaster live in one process. */
@Injectable()
export class LocalForecastClient implements ForecastClient {
  constructor(
    private readonly service: ForecastService,
    private readonly keeper: ModelKeeper,
    @Inject(MODEL_CATALOGUE) private readonly catalogue: ModelCatalogue,
  ) {}

  /** Somebody waits: it goes before scheduled work, and is dropped when they hang up or would not wait any longer. */
  forecast(command: ForecastCommand): Promise<ForecastOutcome> {
    const now = new Date();
    const deadline = now.getTime() + PATIENCE_MS;
    return withRunOptions({ lane: 'rest', signal: currentSignal(), deadline }, () =>
      this.service.forecast(command, now),
    );
  }

  async manageModels(command: ModelCommand): Promise<ModelDescription[]> {
    await this.keeper.manage(command);
    return this.models();
  }

  async models(): Promise<ModelDescription[]> {
    return this.catalogue.describe();
  }
}
