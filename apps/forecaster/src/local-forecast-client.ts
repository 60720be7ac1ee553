import { Inject, Injectable } from '@nestjs/common';

import type { ForecastClient, ForecastCommand, ForecastOutcome, ModelDescription } from './forecast-client.js';
import { ForecastService } from './forecast.service.js';
import { MODEL_CATALOGUE, type ModelCatalogue } from './model-catalogue.js';

/** The port where asker and forecaster live in one process. */
@Injectable()
export class LocalForecastClient implements ForecastClient {
  constructor(
    private readonly service: ForecastService,
    @Inject(MODEL_CATALOGUE) private readonly catalogue: ModelCatalogue,
  ) {}

  forecast(command: ForecastCommand): Promise<ForecastOutcome> {
    return this.service.forecast(command, new Date());
  }

  async models(): Promise<ModelDescription[]> {
    return this.catalogue.describe();
  }
}
