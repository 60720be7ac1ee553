import { envSchema, type Env } from './env.schema.js';

/** Thrown at boot; the message lists every wrong key with the value found and what is expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the configuration out of environment variables. An empty variable counts as not set, as compose files and
 * shells make them by accident. Unknown variables are ignored: the environment is shared with other programs.
 *
 * @throws ConfigError naming all wrong keys at once.
 */
export function loadEnv(source: Readonly<Record<string, string | undefined>>): Env {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ''));
  const result = envSchema.safeParse(given);
  if (result.success) return result.data;

  const lines = result.error.issues.map((issue) => {
    const key = String(issue.path[0]);
    // A secret in a message ends in a log file.
    const shown = /PASSWORD|TOKEN|DATABASE_URL|SCHEMA_REGISTRY_URL/.test(key)
      ? ''
      : ` (found ${JSON.stringify(given[key])})`;
    return `  ${key}: ${issue.message}${shown}`;
  });
  throw new ConfigError(`configuration is wrong:\n${lines.join('\n')}\nnpm start -- --help explains every key.`);
}

/** One line a key for `--help`: name, default and sentence. */
export interface EnvKeyHelp {
  readonly key: string;
  readonly fallback: string;
  readonly sentence: string;
}

/** The configuration keys in the order of the schema, for `--help`. */
export function describeEnv(): EnvKeyHelp[] {
  const defaults = envSchema.parse({});
  return Object.entries(envSchema.shape).map(([key, schema]) => ({
    key,
    fallback: String(defaults[key as keyof Env] ?? 'not set'),
    sentence: schema.description ?? '',
  }));
}
