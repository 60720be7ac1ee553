import { DataSource, type DataSourceOptions } from 'typeorm';

import { migrations } from '../../../migrations/index.js';
import { ForecastEntity } from './entities/forecast.entity.js';
import { JobRunEntity } from './entities/job-run.entity.js';
import { JobEntity } from './entities/job.entity.js';
import { SeriesEntity } from './entities/series.entity.js';
import { grantReaders } from './readers.js';

/** Connection options of a process; sessions run in UTC so that no cast depends on the server's zone. */
export function dataSourceOptions(url: string, poolSize: number, applicationName = 'tidecast'): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    poolSize,
    applicationName,
    entities: [SeriesEntity, ForecastEntity, JobEntity, JobRunEntity],
    migrations,
    migrationsTableName: 'migrations',
    connectTimeoutMS: 5_000,
    extra: { options: '-c TimeZone=UTC' },
  };
}

/**
 * Brings the schema up to date. Replicas may start at once: an advisory lock lets one migrate while the others wait.
 */
export async function migrate(dataSource: DataSource): Promise<void> {
  const lock = dataSource.createQueryRunner();
  await lock.connect();
  try {
    await lock.query(`SELECT pg_advisory_lock(hashtext('tidecast:migrate'))`);
    await dataSource.runMigrations({ transaction: 'each' });
    await grantReaders(dataSource);
  } finally {
    await lock.query(`SELECT pg_advisory_unlock(hashtext('tidecast:migrate'))`);
    await lock.release();
  }
}
