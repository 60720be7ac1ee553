import { Global, Module, type DynamicModule } from '@nestjs/common';

import type { Env } from './env.schema.js';

/** Injection token of the validated configuration: `@Inject(ENV) private readonly env: Env`. */
export const ENV = Symbol('ENV');

/** Makes the configuration of the process injectable everywhere as `ENV`. */
@Global()
@Module({})
export class EnvModule {
  static register(env: Env): DynamicModule {
    return { module: EnvModule, providers: [{ provide: ENV, useValue: env }], exports: [ENV] };
  }
}
