import { isLoopback } from '@app/access';
import type { Env } from '@app/config';
import type { EmbeddedPostgres } from './postgres/embedded-postgres.js';
import type { Role } from './roles.js';

/** What is told about a process that has started. */
export interface StartFacts {
  readonly version: string;
  readonly role?: Role | undefined;
  readonly env: Env;
  /** Where HTTP answers. */
  readonly url: string;
  readonly postgres?: EmbeddedPostgres | undefined;
  /** Lines about the models; empty where this process runs none. */
  readonly models: readonly string[];
  readonly demo: boolean;
}

/** The block that says what runs where. */
export function startReport(facts: StartFacts): string {
  const { url, env } = facts;
  const rows: [string, string][] = [
    ...(facts.role === undefined || facts.role === 'gateway' ? [['Page', `${url}/`] as [string, string]] : []),
    ['API', `${url}/api/v1${openness(env)}`],
    ['Docs', `${url}/docs`],
    ['Health', `${url}/health/ready, metrics at ${url}/metrics`],
    ['Data', dataPlace(facts)],
    ['Log', env.KAFKA_BROKERS ? `Kafka at ${env.KAFKA_BROKERS.join(', ')}` : 'PostgreSQL (KAFKA_BROKERS is not set)'],
    ...facts.models.map((line, index): [string, string] => [index === 0 ? 'Models' : '', line]),
    ...(facts.demo ? [['Demo', `${url}/#/items/nyc-taxi`] as [string, string]] : []),
    ['Stop', 'Ctrl-C'],
  ];
  const title = `Tidecast ${facts.version} runs: ${facts.role ? `the ${facts.role} role` : 'all roles'} (pid ${process.pid})`;
  return ['', title, '', ...rows.map(([name, text]) => `  ${name.padEnd(8)}${text}`), '', ''].join('\n');
}

function openness({ HOST, API_KEYS }: Env): string {
  if (HOST === 'localhost' || isLoopback(HOST)) return API_KEYS === 'always' ? ' (with a key)' : '';
  return ` (open to the network, ${API_KEYS === 'never' ? 'WITHOUT keys' : 'with a key'}: HOST is ${HOST})`;
}

function dataPlace({ env, postgres }: StartFacts): string {
  if (!postgres) return `PostgreSQL at ${new URL(env.DATABASE_URL ?? '').host}`;
  const { home, port } = postgres;
  const why = home.moved ? ` (not in ${env.DATA_DIR}: ${home.moved})` : '';
  return `embedded PostgreSQL in ${home.folder}, port ${port}${why}`;
}
