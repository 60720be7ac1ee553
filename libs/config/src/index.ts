export { ENV, EnvModule } from './env.module.js';
export type { Env } from './env.schema.js';
export { ConfigError, describeEnv, loadEnv, type EnvKeyHelp } from './load-env.js';
