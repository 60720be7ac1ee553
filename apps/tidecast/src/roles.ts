import type { DynamicModule, Type } from '@nestjs/common';
import type { Env } from '@app/config';
import { DetectorModule } from '../../detector/src/detector.module.js';
import { ForecastClientModule } from '../../forecaster/src/forecast-client.module.js';
import { ForecasterModule } from '../../forecaster/src/forecaster.module.js';
import { GatewayModule } from '../../gateway/src/gateway.module.js';
import { IngestModule } from '../../ingest/src/ingest.module.js';
import { StartupError } from './startup-error.js';

/** What a process can be alone; without a role it is all of them. */
export const ROLES = ['ingest', 'forecaster', 'detector', 'gateway'] as const;
export type Role = (typeof ROLES)[number];

/** The modules of the roles that this process has. */
export function roleModules(roles: readonly Role[], env: Env): (Type | DynamicModule)[] {
  const alone = roles.length === 1;
  const modules: Record<Role, () => (Type | DynamicModule)[]> = {
    ingest: () => [IngestModule],
    // A gateway elsewhere asks through the internal API; one in the same process needs none on a public port.
    forecaster: () => [ForecasterModule.register({ env, internalApi: alone })],
    detector: () => [DetectorModule],
    gateway: () => [
      ...(alone && env.FORECASTER_URL ? [ForecastClientModule.overHttp(env.FORECASTER_URL)] : []),
      GatewayModule,
    ],
  };
  return roles.flatMap((role) => modules[role]());
}

/** The servers that roles share when they run apart; one alone can't bring its own. */
const NEEDED = { ingest: [], forecaster: [], detector: [], gateway: ['FORECASTER_URL'] } as const;

/** @throws StartupError naming what a role that runs alone lacks. */
export function requireServers(role: Role, env: Env): void {
  const missing = (['DATABASE_URL', 'KAFKA_BROKERS', ...NEEDED[role]] as const).filter((key) => env[key] === undefined);
  if (missing.length === 0) return;
  throw new StartupError(
    `The ${role} role alone needs ${missing.join(' and ')}: set ${missing.length > 1 ? 'them' : 'it'}, or run "npm start" for everything in one process.`,
  );
}
