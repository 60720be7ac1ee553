import { hostname, userInfo } from 'node:os';
import { makeKey, SCOPES, type Scope } from '@app/access';
import { ConfigError, loadEnv } from '@app/config';
import { messageOf, PlatformError } from '@app/observability';
import { ApiKeyRepository, AuditRepository, type ApiKeyRow } from '@app/persistence';
import { Command, InvalidArgumentError, Option } from 'commander';
import { DateTime, Duration } from 'luxon';
import { formatTable } from './evaluate/table.js';
import { reachDatabase } from './reach-database.js';

interface CreateOptions {
  readonly scope: Scope[];
  readonly items?: string[];
  readonly expires?: Date;
}

function expiry(text: string): Date {
  const duration = Duration.fromISO(text);
  const at = duration.isValid ? DateTime.utc().plus(duration) : DateTime.fromISO(text, { setZone: true });
  if (at.isValid && at.toMillis() > Date.now()) return at.toJSDate();
  throw new InvalidArgumentError('a duration such as P90D is needed, or a time to come such as 2030-01-01T00:00:00Z.');
}

/** Does something with the keys of this installation, and writes down that it was done. */
async function withKeys<T>(
  action: { readonly name: string; readonly target: string; readonly details?: unknown } | undefined,
  work: (keys: ApiKeyRepository) => Promise<T>,
): Promise<T> {
  const database = await reachDatabase(loadEnv(process.env), 'tidecast-keys');
  try {
    const keys = new ApiKeyRepository(database.dataSource);
    if (!action) return await work(keys);
    const audit = new AuditRepository(database.dataSource);
    const eventId = await audit.begin({
      caller: 'command',
      keyId: null,
      name: userInfo().username,
      address: hostname(),
      action: action.name,
      target: action.target,
      details: action.details ?? {},
      traceId: null,
    });
    try {
      const result = await work(keys);
      await audit.end(eventId, 'ok');
      return result;
    } catch (error) {
      await audit.end(eventId, error instanceof PlatformError ? error.code : 'INTERNAL');
      throw error;
    }
  } finally {
    await database.close();
  }
}

async function create(name: string, { scope, items, expires }: CreateOptions): Promise<void> {
  const scopes = [...new Set(scope)];
  const { keyId, text, hash } = makeKey();
  const key = {
    keyId,
    name,
    hash,
    scopes,
    itemPrefixes: items ?? null,
    createdBy: userInfo().username,
    expiresAt: expires ?? null,
  };
  const details = { key_id: keyId, scopes, item_prefixes: items ?? null };
  await withKeys({ name: 'keys create', target: name, details }, (keys) => keys.create(key));
  process.stderr.write(`The key "${name}" (${scopes.join(', ')}), shown this once:\n`);
  process.stdout.write(`${text}\n`);
}

async function list(): Promise<void> {
  const rows = await withKeys(undefined, (keys) => keys.list());
  const header = ['key_id', 'name', 'scopes', 'items', 'state', 'last used'];
  const lines = rows.map((row) => lineOf(row, Date.now()));
  process.stdout.write(`${formatTable(header, lines)}\n`);
}

function lineOf(row: ApiKeyRow, now: number): string[] {
  const { keyId, name, scopes, itemPrefixes, expiresAt, revokedAt, lastUsedAt } = row;
  const expired = expiresAt !== null && expiresAt.getTime() <= now;
  const state = revokedAt ? 'revoked' : expired ? 'expired' : expiresAt ? `until ${day(expiresAt)}` : 'works';
  const items = itemPrefixes?.map((prefix) => `${prefix}*`).join(' ') ?? 'all';
  return [keyId, name, scopes.join(' '), items, state, lastUsedAt ? day(lastUsedAt) : 'never'];
}

const day = (time: Date): string => time.toISOString().slice(0, 10);

async function revoke(idOrName: string): Promise<void> {
  const { name, keyId } = await withKeys({ name: 'keys revoke', target: idOrName }, (keys) => keys.revoke(idOrName));
  process.stdout.write(`The key "${name}" (${keyId}) is revoked; it ends within seconds, everywhere.\n`);
}

const program = new Command('keys')
  .description('API keys of the database of DATABASE_URL, or of the embedded one in DATA_DIR.')
  .showHelpAfterError('(--help explains the options)');

program
  .command('create')
  .description('Makes a key. It is all that goes to stdout, and is kept nowhere.')
  .argument('<name>', 'whose it is; unique among the keys that work')
  .addOption(
    new Option('--scope <scope...>', 'what it is for; admin includes the others').choices(SCOPES).makeOptionMandatory(),
  )
  .option('--items <prefix...>', 'only for items whose id begins with one of these')
  .option('--expires <when>', 'a duration (P90D) or a time; never without it', expiry)
  .action(create);
program.command('list').description('Lists the keys, those that have ended too.').action(list);
program.command('revoke').description('Ends a key.').argument('<id-or-name>', 'as list shows it').action(revoke);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? '' : 'keys: '}${messageOf(error)}\n`);
  process.exitCode = 1;
}
