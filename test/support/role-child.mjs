// One role alone (argument: ingest, detector or forecaster), without HTTP: the real modules from dist, in a process that a test can kill.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';

const built = (path) => import(new URL(`../../dist/${path}`, import.meta.url).href);
const { EnvModule, loadEnv } = await built('libs/config/src/index.js');
const { createLogger } = await built('libs/observability/src/index.js');
const { dataSourceOptions } = await built('libs/persistence/src/index.js');
const { ServerModule } = await built('libs/server/src/server.module.js');
const role = process.argv[2];
const name = `${role[0].toUpperCase()}${role.slice(1)}Module`;
const { [name]: Registered } = await built(`apps/${role}/src/${role}.module.js`);

const env = loadEnv(process.env);
const RoleModule = role === 'forecaster' ? Registered.register({ env, internalApi: false }) : Registered;
const dataSource = new DataSource(dataSourceOptions(env.DATABASE_URL, env.DATABASE_POOL, `${role}-child`));
await dataSource.initialize();

class ChildModule {}
Module({
  imports: [
    EnvModule.register(env),
    ServerModule.register(createLogger(`${role}-child`, env.LOG_LEVEL)),
    TypeOrmModule.forRootAsync({ useFactory: () => dataSource.options, dataSourceFactory: async () => dataSource }),
    RoleModule,
  ],
})(ChildModule);

const app = await NestFactory.createApplicationContext(ChildModule, { logger: ['error'], abortOnError: false });
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)));
