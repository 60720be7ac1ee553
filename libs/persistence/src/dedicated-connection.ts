import { Client } from 'pg';
import type { DataSource } from 'typeorm';

/**
 * A connection outside the pool, for what lives as long as a session: advisory locks and LISTEN. It does not take one
 * of the pool's few connections away for good. The caller closes it. Through a pooler in transaction mode such
 * connections must go to the server directly.
 */
export async function openDedicated(dataSource: DataSource, purpose: string): Promise<Client> {
  const { options } = dataSource;
  if (options.type !== 'postgres') throw new Error('dedicated connections need the postgres driver');
  const client = new Client({
    connectionString: options.url,
    application_name: `${options.applicationName ?? 'tidecast'} ${purpose}`,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    options: '-c TimeZone=UTC',
  });
  await client.connect();
  return client;
}

/** Ends the connection; one that is lost already has nothing left to end. */
export async function closeDedicated(client: Client): Promise<void> {
  await client.end().catch(() => undefined);
}

/** Aborts, with the reason, when the connection fails or ends: what its session held is gone then. */
export function connectionLost(client: Client): AbortSignal {
  const lost = new AbortController();
  client.on('error', (error) => lost.abort(error));
  client.on('end', () => lost.abort(new Error('the connection ended')));
  return lost.signal;
}
