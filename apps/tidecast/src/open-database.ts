import { dataSourceOptions, migrate } from '@app/persistence';
import { DataSource } from 'typeorm';
import { asError, errorCode, errorMessage, StartupError } from './startup-error.js';

const OLDEST_VERSION = 14;

/**
 * Connects and brings the schema up to date; replicas may do so at once.
 *
 * @throws StartupError with one sentence when the server is away, refuses us, is too old or lacks a right.
 */
export async function openDatabase(url: string, poolSize: number, applicationName: string): Promise<DataSource> {
  const dataSource = new DataSource(dataSourceOptions(url, poolSize, applicationName));
  try {
    await dataSource.initialize();
    await refuseOldServer(dataSource);
    await migrate(dataSource);
    return dataSource;
  } catch (error) {
    if (dataSource.isInitialized) await dataSource.destroy();
    throw explain(error, url);
  }
}

async function refuseOldServer(dataSource: DataSource): Promise<void> {
  const rows: { version: string }[] = await dataSource.query(`SELECT current_setting('server_version_num') AS version`);
  const major = Math.floor(Number(rows[0]?.version) / 10_000);
  if (major < OLDEST_VERSION) throw new StartupError(`PostgreSQL ${major} is too old: use ${OLDEST_VERSION} or newer.`);
}

function explain(error: unknown, url: string): Error {
  if (error instanceof StartupError) return error;
  const { host, pathname, username } = new URL(url);
  const database = decodeURIComponent(pathname.slice(1));
  const code = errorCode(driverError(error)) ?? errorCode(error) ?? '';
  const refusals: Record<string, string> = {
    '28P01': `refuses the password of user "${username}": correct DATABASE_URL.`,
    '28000': `refuses user "${username}": correct DATABASE_URL or the server's pg_hba.conf.`,
    '3D000': `has no database "${database}": create it (createdb ${database}), or correct DATABASE_URL.`,
    '53300': 'has no connection left: raise its max_connections, or lower DATABASE_POOL.',
    '42501': `gives user "${username}" no right to make tables in "${database}": grant CREATE on the database and its schema public.`,
    '57P03': 'is starting up or shutting down: try again in a moment.',
  };
  const refusal = refusals[code];
  if (refusal) return new StartupError(`PostgreSQL at ${host} ${refusal}`);
  if (/^(E[A-Z]+|08\w{3}|)$/.test(code) && !isQueryError(error)) {
    return new StartupError(
      `PostgreSQL at ${host} can't be reached (${errorMessage(error)}): start it, or correct DATABASE_URL.`,
    );
  }
  return asError(error);
}

function driverError(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'driverError' in error ? error.driverError : error;
}

function isQueryError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'query' in error;
}
