import { DataSource, type DataSourceOptions } from 'typeorm';

/**
 * Connections for what only reads on behalf of callers: PostgreSQL itself ends a query that takes too long, and refuses one that
 * would write. They are opened when they are needed.
 */
export class ReadDatabase {
  readonly #connections: DataSource;
  #opening: Promise<DataSource> | undefined;

  /** @param options of the process' own database. */
  constructor(options: DataSourceOptions, timeoutSeconds: number) {
    const settings = [
      'TimeZone=UTC',
      `statement_timeout=${timeoutSeconds * 1_000}`,
      'default_transaction_read_only=on',
    ].map((setting) => `-c ${setting}`);
    this.#connections = new DataSource({
      ...options,
      entities: [],
      migrations: [],
      extra: { options: settings.join(' ') },
    });
  }

  /** Rows of a query. @throws what the driver throws: 57014 for a query that took too long. */
  async query<T>(sql: string, parameters: unknown[] = []): Promise<T> {
    this.#opening ??= this.#connections.initialize().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return (await this.#opening).query<T>(sql, parameters);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    if (this.#connections.isInitialized) await this.#connections.destroy();
  }
}
