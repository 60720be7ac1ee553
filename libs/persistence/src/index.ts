export { dataSourceOptions, migrate } from './data-source.js';
export { ForecastEntity } from './entities/forecast.entity.js';
export { JobRunEntity, type JobRunFailure, type JobRunStatus } from './entities/job-run.entity.js';
export { JobEntity, type SeriesSelector } from './entities/job.entity.js';
export { SeriesEntity } from './entities/series.entity.js';
