import { randomBytes } from 'node:crypto';
import { dataSourceOptions, migrate } from '@app/persistence';
import { Client } from 'pg';
import { DataSource } from 'typeorm';

/** A migrated database of a spec file's own, on the server that `npm test` starts. */
export interface TestDatabase {
  readonly url: string;
  readonly dataSource: DataSource;
  /** Ends the connections and removes the database. */
  drop(): Promise<void>;
}

/** Creates and migrates a fresh database; `drop` it when done. Most specs want `useDatabase`. */
export async function createDatabase(): Promise<TestDatabase> {
  const server = serverUrl();
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(server, `CREATE DATABASE ${name}`);
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
  const dataSource = new DataSource(dataSourceOptions(url, 10, 'tidecast-test'));
  const drop = async () => {
    if (dataSource.isInitialized) await dataSource.destroy();
    // FORCE: a process under test may have been killed a moment ago.
    await onServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  };
  try {
    await dataSource.initialize();
    await migrate(dataSource);
  } catch (error) {
    await drop();
    throw error;
  }
  return { url, dataSource, drop };
}

/**
 * One fresh database for all tests of the spec file (or of the surrounding `describe`):
 * `const database = useDatabase();` and in a test `database().dataSource`.
 */
export function useDatabase(): () => TestDatabase {
  let database: TestDatabase | undefined;
  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(async () => {
    await database?.drop();
  });
  return () => {
    if (!database) throw new Error('useDatabase(): the database exists inside tests and hooks only');
    return database;
  };
}

/** Empties tables between tests, identities restarted; foreign keys follow. */
export async function truncate(dataSource: DataSource, ...tables: readonly string[]): Promise<void> {
  await dataSource.query(`TRUNCATE ${tables.join(', ')} RESTART IDENTITY CASCADE`);
}

function serverUrl(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (!url)
    throw new Error('TEST_DATABASE_URL is not set: run specs with "npm test -- <pattern>", which starts PostgreSQL');
  return url;
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
