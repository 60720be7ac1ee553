import type { DataSource } from 'typeorm';

/** Group of the roles that may read; people and Grafana get roles of their own in it. */
const READERS = 'tidecast_reader';

/** The contract with people who write SQL. */
const VIEWS = ['observation_points', 'forecast_points', 'forecast_latest', 'forecast_scorecard', 'anomaly_events'];
/** What the dashboards show of the platform itself. */
const TABLES = [
  'series',
  'observations',
  'forecasts',
  'jobs',
  'job_runs',
  'champions',
  'stream_offsets',
  'log_partitions',
];
/** Of these some columns only: nothing of what is on its way out. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  outbox: ['id', 'topic', 'created_at'],
  dead_letters: ['topic', 'partition', 'offset', 'code', 'message', 'key', 'value', 'occurred_at'],
};

/**
 * Lets the group of readers read the views and what the dashboards need, and nothing else: no API key, no secret of a
 * webhook. The group is made where that is allowed; where it is not, somebody else makes it, and the next start finds it.
 */
export async function grantReaders(dataSource: DataSource): Promise<void> {
  await dataSource.query(MAKE_GROUP);
  const [group] = await dataSource.query<unknown[]>(`SELECT FROM pg_roles WHERE rolname = $1`, [READERS]);
  if (!group) return;
  const columns = Object.entries(COLUMNS).map(
    ([table, names]) => `GRANT SELECT (${names.map((name) => `"${name}"`).join(', ')}) ON ${table} TO ${READERS};`,
  );
  await dataSource.query(`GRANT SELECT ON ${[...VIEWS, ...TABLES].join(', ')} TO ${READERS}; ${columns.join(' ')}`);
}

// Another database of the same server may make it in the same moment.
const MAKE_GROUP = `
  DO $$
  BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${READERS}')
       AND (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user) THEN
      CREATE ROLE ${READERS} NOLOGIN;
    END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
  END $$`;
