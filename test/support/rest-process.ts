import { Module, type DynamicModule } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EnvModule, loadEnv, type Env } from '@app/config';
import { silentLogger } from '@app/observability';
import { createServer } from '@app/server';
import type { DataSource } from 'typeorm';
import { ForecastClientModule } from '../../apps/forecaster/src/forecast-client.module.js';
import { ForecasterModule } from '../../apps/forecaster/src/forecaster.module.js';
import { GatewayModule } from '../../apps/gateway/src/gateway.module.js';
import { IngestModule } from '../../apps/ingest/src/ingest.module.js';
import { createDatabase, type TestDatabase } from './database.js';

export type Json = Record<string, unknown>;
export interface Answer<T = Json> {
  readonly status: number;
  readonly type: string | null;
  readonly body: T;
}

export interface RestOptions {
  /** With the ingest role as well. */
  readonly ingest?: boolean;
  /** Ask the forecaster there, instead of one in the same process. */
  readonly forecasterUrl?: string;
  /** Configuration on top of that of the tests. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Small enough to be reached by a test. */
export const REST_LIMITS = { MAX_HORIZON: 1_000, MAX_SERIES_PER_CALL: 20, MAX_BODY_BYTES: 2_000_000 };

/** The gateway with a forecaster and its shipped models in one process, behind real HTTP, on a database of its own. */
export class RestProcess {
  private constructor(
    readonly url: string,
    readonly dataSource: DataSource,
    private readonly app: NestFastifyApplication,
    private readonly database: TestDatabase,
  ) {}

  static async start({ ingest, forecasterUrl, env: own = {} }: RestOptions = {}): Promise<RestProcess> {
    const limits = Object.entries(REST_LIMITS).map(([key, value]) => [key, String(value)]);
    const env = loadEnv({ SCHEDULER: 'false', ...Object.fromEntries(limits), ...own });
    const database = await createDatabase();
    const forecaster = forecasterUrl
      ? ForecastClientModule.overHttp(forecasterUrl)
      : ForecasterModule.register({ env, internalApi: false });
    const modules = [forecaster, GatewayModule, ...(ingest ? [IngestModule] : [])];
    const root = ProcessModule.of(env, database.dataSource, modules);
    const app = await createServer(root, { env, logger: silentLogger() });
    await app.listen(0, '127.0.0.1');
    return new RestProcess(await app.getUrl(), database.dataSource, app, database);
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.database.drop();
  }

  get<T = Json>(path: string): Promise<Answer<T>> {
    return this.call<T>('GET', path);
  }

  post<T = Json>(path: string, body: unknown): Promise<Answer<T>> {
    return this.call<T>('POST', path, body);
  }

  /** A request to `/api/v1`; a text is sent as it is, anything else as JSON. */
  async call<T = Json>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      ...(body === undefined ? {} : { body: text, headers: { 'content-type': 'application/json' } }),
    });
    const answer = await response.text();
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: (answer === '' ? {} : JSON.parse(answer)) as T,
    };
  }
}

/**
 * One process for all tests of the spec file: `const rest = useRestProcess();` and in a test `rest().get('/models')`.
 * `prepare` fills its database.
 */
export function useRestProcess(
  prepare?: (rest: RestProcess) => Promise<unknown>,
  options: RestOptions = {},
): () => RestProcess {
  let rest: RestProcess | undefined;
  beforeAll(async () => {
    rest = await RestProcess.start(options);
    await prepare?.(rest);
  }, 60_000);
  afterAll(() => rest?.stop());
  return () => {
    if (!rest) throw new Error('useRestProcess(): the process runs inside tests and hooks only');
    return rest;
  };
}

@Module({})
class ProcessModule {
  static of(env: Env, dataSource: DataSource, modules: NonNullable<DynamicModule['imports']>): DynamicModule {
    const database = TypeOrmModule.forRootAsync({
      useFactory: () => dataSource.options,
      dataSourceFactory: () => Promise.resolve(dataSource),
    });
    return { module: ProcessModule, imports: [EnvModule.register(env), database, ...modules] };
  }
}
