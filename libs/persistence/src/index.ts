export { dataSourceOptions, migrate } from './data-source.js';
export { openDedicated } from './dedicated-connection.js';
export { ForecastEntity } from './entities/forecast.entity.js';
export { JobRunEntity, type JobRunFailure, type JobRunStatus } from './entities/job-run.entity.js';
export { JobEntity, type SeriesSelector } from './entities/job.entity.js';
export { SeriesEntity } from './entities/series.entity.js';
export { ContextRepository, type ContextOptions, type ContextQuery } from './repositories/context.repository.js';
export { ForecastRepository, type NewForecast } from './repositories/forecast.repository.js';
export { SeriesRepository, type SeriesRow } from './repositories/series.repository.js';
