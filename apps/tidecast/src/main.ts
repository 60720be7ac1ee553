import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, loadEnv, type Env } from '@app/config';
import { createLogger, PlatformError } from '@app/observability';
import { ApiKeyRepository } from '@app/persistence';
import { createServer } from '@app/server';
import { OBSERVATION_LOG, type ObservationLog } from '@app/streaming';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { FORECAST_CLIENT, type ForecastClient } from '../../forecaster/src/forecast-client.js';
import { JobsService } from '../../forecaster/src/jobs/jobs.service.js';
import { checkPort, explainListen } from './check-port.js';
import { parseCommandLine, type StartCommand } from './command-line.js';
import { DemoJobs } from './demo/demo-jobs.js';
import { runDemo } from './demo/demo.js';
import { openDatabase } from './open-database.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './postgres/embedded-postgres.js';
import { repositoryRoot } from './repository-root.js';
import { requireKeys } from './require-keys.js';
import { requireServers, ROLES, type Role } from './roles.js';
import { Shutdown } from './shutdown.js';
import { startReport } from './start-report.js';
import { errorMessage, StartupError } from './startup-error.js';
import { TidecastModule } from './tidecast.module.js';

/** `npm start`: parses, starts, reports, and stays until a signal. What a person can put right costs exit code 1. */
export async function main(args: readonly string[]): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8')) as { version: string };
  const command = parseCommandLine(args, version);
  const shutdown = new Shutdown();
  shutdown.listen();
  try {
    await start(command, version, shutdown);
  } catch (error) {
    // A signal during the start makes what is being started fail: then that is no news.
    if (!shutdown.isRunning) process.stderr.write(`${explain(error)}\n`);
    await shutdown.run();
    process.exit(1);
  }
}

async function start(command: StartCommand, version: string, shutdown: Shutdown): Promise<void> {
  const env = loadEnv(process.env);
  if (command.role) requireServers(command.role, env);
  const roles = command.role ? [command.role] : ROLES;

  const postgres = env.DATABASE_URL ? undefined : await startPostgres(env, shutdown);
  await checkPort(env.HOST, env.PORT);
  const name = command.role ? `tidecast-${command.role}` : 'tidecast';
  const dataSource = await openDatabase(env.DATABASE_URL ?? postgres?.url ?? '', env.DATABASE_POOL, name);
  shutdown.push(async () => dataSource.isInitialized && (await dataSource.destroy()));

  if (roles.includes('gateway')) await requireKeys(env, new ApiKeyRepository(dataSource));

  const logger = createLogger(name, env.LOG_LEVEL);
  const app = await createServer(TidecastModule.register(env, dataSource, roles), { env, logger, version });
  shutdown.push(() => app.close());
  await checkLog(app);
  const url = await listen(app, env);
  postgres?.lock.announce(url);
  process.stdout.write(startReport({ version, env, url, ...command, postgres, models: await modelLines(app, roles) }));
  if (command.demo) startDemo(app, env, shutdown);
}

async function startPostgres(env: Env, shutdown: Shutdown): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir: env.DATA_DIR });
  shutdown.push(() => postgres.stop());
  void postgres.ended.then(async () => {
    if (shutdown.isRunning) return;
    process.stderr.write(`The embedded PostgreSQL ended unexpectedly: see ${postgres.home.logFile}.\n`);
    await shutdown.run();
    process.exit(1);
  });
  return postgres;
}

async function checkLog(app: NestFastifyApplication): Promise<void> {
  try {
    await app.get<ObservationLog>(OBSERVATION_LOG, { strict: false }).check();
  } catch (error) {
    throw new StartupError(`${errorMessage(error).replace(/\.$/, '')}: start it, or correct KAFKA_BROKERS.`);
  }
}

async function listen(app: NestFastifyApplication, env: Env): Promise<string> {
  try {
    await app.listen(env.PORT, env.HOST);
  } catch (error) {
    throw explainListen(error, env.HOST, env.PORT);
  }
  const url = new URL(await app.getUrl());
  return url.origin;
}

function startDemo(app: NestFastifyApplication, env: Env, shutdown: Shutdown): void {
  const stop = new AbortController();
  const demo = runDemo(
    {
      log: app.get<ObservationLog>(OBSERVATION_LOG, { strict: false }),
      topic: env.OBSERVATIONS_TOPIC,
      dataSource: app.get(DataSource),
      jobs: new DemoJobs(app.get(JobsService, { strict: false })),
      say: (line) => process.stdout.write(`${line}\n`),
    },
    stop.signal,
  ).catch((error: unknown) => process.stderr.write(`demo: ${errorMessage(error)}\n`));
  shutdown.push(() => {
    stop.abort();
    return demo;
  });
}

/** One line a model with the provider that it is proven to run on. */
async function modelLines(app: NestFastifyApplication, roles: readonly Role[]): Promise<string[]> {
  if (!roles.includes('forecaster')) return [];
  const models = await app.get<ForecastClient>(FORECAST_CLIENT, { strict: false }).models();
  const networks = models
    .filter(({ kind }) => kind === 'neural')
    .map(
      ({ name, provider, state, reason }) => `${name} ${state === 'ready' ? `on ${provider}` : `REFUSED: ${reason}`}`,
    );
  const baselines = models.filter(({ kind }) => kind === 'baseline').map(({ name }) => name);
  return [...networks, `baselines: ${baselines.join(', ')}`];
}

function explain(error: unknown): string {
  if (error instanceof StartupError || error instanceof ConfigError || error instanceof PlatformError)
    return error.message;
  return `Tidecast could not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
