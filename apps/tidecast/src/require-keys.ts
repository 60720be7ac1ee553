import { isLoopback } from '@app/access';
import type { Env } from '@app/config';
import type { ApiKeyRepository } from '@app/persistence';
import { StartupError } from './startup-error.js';

/**
 * Looks, before the API is opened to others than this machine, whether anybody has a key for it.
 *
 * @throws StartupError with the command that makes one, where nobody has.
 */
export async function requireKeys(
  { HOST, API_KEYS }: Pick<Env, 'HOST' | 'API_KEYS'>,
  keys: Pick<ApiKeyRepository, 'exists'>,
): Promise<void> {
  const open = HOST !== 'localhost' && !isLoopback(HOST);
  const needed = API_KEYS === 'always' || (API_KEYS === 'auto' && open);
  if (!needed || (await keys.exists())) return;
  const why = open ? `HOST is ${HOST}, where every caller needs a key` : 'API_KEYS is always';
  throw new StartupError(
    `${why}, and there is none yet: make one with "npm run keys -- create <name> --scope admin", or set API_KEYS=never where something in front lets in only who may.`,
  );
}
