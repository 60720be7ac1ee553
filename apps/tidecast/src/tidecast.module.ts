import { AccessModule } from '@app/access';
import { EnvModule, type Env } from '@app/config';
import { ReadinessProbes } from '@app/server';
import { OBSERVATION_LOG, StreamingModule, type ObservationLog } from '@app/streaming';
import { Inject, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { roleModules, type Role } from './roles.js';

/** The roles of this process. */
const PROCESS_ROLES = Symbol('PROCESS_ROLES');

/** The roles of one process around its configuration, its database and the observation log. */
@Module({})
export class TidecastModule {
  constructor(
    probes: ReadinessProbes,
    dataSource: DataSource,
    @Inject(OBSERVATION_LOG) log: ObservationLog,
    @Inject(PROCESS_ROLES) roles: readonly Role[],
  ) {
    probes.add('database', () => dataSource.query('SELECT 1'));
    // A forecaster alone neither reads nor writes the log: it stays of use while the broker is away.
    if (roles.some((role) => role !== 'forecaster')) probes.add('log', () => log.check());
  }

  static register(env: Env, dataSource: DataSource, roles: readonly Role[]): DynamicModule {
    const database = TypeOrmModule.forRootAsync({
      useFactory: () => dataSource.options,
      dataSourceFactory: () => Promise.resolve(dataSource),
    });
    return {
      module: TidecastModule,
      imports: [EnvModule.register(env), database, AccessModule, StreamingModule, ...roleModules(roles, env)],
      providers: [{ provide: PROCESS_ROLES, useValue: roles }],
    };
  }
}
