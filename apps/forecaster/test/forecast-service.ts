import type { Forecaster } from '@app/forecasters';
import { silentLogger } from '@app/observability';
import {
  ContextRepository,
  ForecastRepository,
  ModelRoleRepository,
  SeriesRepository,
  SkillRepository,
} from '@app/persistence';
import type { DataSource } from 'typeorm';

import { ContextLoader } from '../src/context-loader.js';
import { ForecastService } from '../src/forecast.service.js';
import { ServingService } from '../src/roles/serving.service.js';
import { catalogueOf } from './recording-forecaster.js';

export const LIMITS = { MAX_HORIZON: 4096, MAX_SERIES_PER_CALL: 1024, DEFAULT_FREQ: 'PT1M' };

/** The real service on a real database, with a forecaster of the test's own. */
export function forecastService(dataSource: DataSource, forecaster: Forecaster, limits = LIMITS): ForecastService {
  return new ForecastService(
    new SeriesRepository(dataSource),
    new ContextLoader(new ContextRepository(dataSource), limits),
    new ForecastRepository(dataSource),
    new ServingService(
      new SkillRepository(dataSource),
      new ModelRoleRepository(dataSource),
      catalogueOf(forecaster),
      silentLogger(),
    ),
    limits,
  );
}
