import { EnvModule, loadEnv } from '@app/config';
import { silentLogger } from '@app/observability';
import { dataSourceOptions } from '@app/persistence';
import { createServer } from '@app/server';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';

import { ForecasterModule } from '../src/forecaster.module.js';
import type { ModelCatalogue } from '../src/model-catalogue.js';

interface ForecasterServerOptions {
  readonly catalogue?: ModelCatalogue;
  readonly scheduler?: boolean;
  readonly apiKeys?: 'auto' | 'always';
}

/** The forecaster role as a server of its own, listening on a free port; `close` it. */
export async function startForecaster(
  databaseUrl: string,
  { catalogue, scheduler = false, apiKeys = 'auto' }: ForecasterServerOptions,
): Promise<NestFastifyApplication> {
  const env = loadEnv({ DATABASE_URL: databaseUrl, SCHEDULER: String(scheduler), API_KEYS: apiKeys, PROVIDER: 'cpu' });
  class TestModule {}
  const app = await createServer(
    {
      module: TestModule,
      imports: [
        EnvModule.register(env),
        TypeOrmModule.forRoot(dataSourceOptions(databaseUrl, 5, 'forecaster-test')),
        ForecasterModule.register({ env, internalApi: true, catalogue }),
      ],
    },
    { env, logger: silentLogger() },
  );
  await app.listen(0, '127.0.0.1');
  return app;
}
