import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EnvModule, type Env } from '@app/config';
import { ReadinessProbes } from '@app/server';
import { DataSource } from 'typeorm';
import { roleModules, type Role } from './roles.js';

/** The roles of one process around its configuration and its database. */
@Module({})
export class TidecastModule {
  constructor(probes: ReadinessProbes, dataSource: DataSource) {
    probes.add('database', () => dataSource.query('SELECT 1'));
  }

  static register(env: Env, dataSource: DataSource, roles: readonly Role[]): DynamicModule {
    const database = TypeOrmModule.forRootAsync({
      useFactory: () => dataSource.options,
      dataSourceFactory: () => Promise.resolve(dataSource),
    });
    return { module: TidecastModule, imports: [EnvModule.register(env), database, ...roleModules(roles, env)] };
  }
}
