import type { Env } from '@app/config';
import type { DataSource } from 'typeorm';
import { openDatabase } from './open-database.js';
import { findRunningPostgres, startEmbeddedPostgres } from './postgres/embedded-postgres.js';

/** The database of an installation, for a command that is over soon. */
export interface ReachedDatabase {
  readonly dataSource: DataSource;
  /** Leaves it as it was found: an embedded server that was started for the command is stopped. */
  close(): Promise<void>;
}

/**
 * Connects to the database of DATABASE_URL or, without it, to the embedded one, whether or not Tidecast runs on it.
 *
 * @throws StartupError with one sentence when it can't be reached.
 */
export async function reachDatabase(
  { DATABASE_URL, DATA_DIR }: Pick<Env, 'DATABASE_URL' | 'DATA_DIR'>,
  name: string,
): Promise<ReachedDatabase> {
  const running = DATABASE_URL ?? findRunningPostgres(DATA_DIR);
  const started = running ? undefined : await startEmbeddedPostgres({ dataDir: DATA_DIR });
  try {
    const dataSource = await openDatabase(running ?? started?.url ?? '', 2, name);
    return {
      dataSource,
      close: async () => {
        await dataSource.destroy();
        await started?.stop();
      },
    };
  } catch (error) {
    await started?.stop();
    throw error;
  }
}
