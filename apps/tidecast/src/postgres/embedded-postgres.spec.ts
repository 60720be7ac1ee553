import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { processStartTime } from '../process-identity.js';
import { repositoryRoot } from '../repository-root.js';
import { canReach } from './postgres-account.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.js';

const isRoot = process.getuid?.() === 0;
const itAsRoot = isRoot ? it : it.skip;
/** The user that stands for an ordinary one in tests that root runs. */
const NOBODY = 65_534;
const BUILT = join(repositoryRoot(), 'dist/apps/tidecast/src/postgres/embedded-postgres.js');
// A checkout in a folder that is closed to others can't be run by others.
const itAsNobody =
  isRoot &&
  canReach({ uid: NOBODY, gid: NOBODY }, dirname(BUILT)) &&
  canReach({ uid: NOBODY, gid: NOBODY }, process.execPath)
    ? it
    : it.skip;
const OWNER = `process.on('SIGTERM', () => process.exit());
const { startEmbeddedPostgres } = await import(process.argv[1]);
try {
  const server = await startEmbeddedPostgres({ dataDir: process.argv[2], durable: false });
  server.lock.announce('http://127.0.0.1:1234');
  console.log(server.url);
  setInterval(() => {}, 1000);
} catch (error) { console.log(error.name + ': ' + error.message); process.exit(1); }`;

describe('startEmbeddedPostgres', () => {
  let folder: string;
  const running: EmbeddedPostgres[] = [];
  const children: ChildProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-embedded-'));
    chmodSync(folder, 0o755);
  });
  afterEach(async () => {
    await Promise.all(children.splice(0).map(end));
    await Promise.all(running.splice(0).map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (dataDir = folder): Promise<EmbeddedPostgres> => {
    const server = await startEmbeddedPostgres({ dataDir, durable: false });
    running.push(server);
    return server;
  };
  /** A start in a process of its own; resolves with the line that it prints. */
  const startElsewhere = async (as: { uid?: number; gid?: number } = {}, dataDir = folder) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', OWNER, BUILT, dataDir], {
      ...as,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (chunk) => resolve(String(chunk).trim()));
      child.once('exit', (code) => reject(new Error(`the process ended with ${code} and said nothing`)));
    });
    return { child, line };
  };

  it('keeps data, port and password from one start to the next', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    await first.ended;

    const second = await start();

    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(statSync(join(second.home.folder, 'password')).mode & 0o777).toBe(0o600);
  });

  it('refuses a second start on the same data, naming the process and its address', async () => {
    const { child } = await startElsewhere();

    await expect(start()).rejects.toThrow(
      new RegExp(`already runs on .* \\(pid ${child.pid} and answers at http://127.0.0.1:1234\\)`),
    );
  });

  it('ends the orphan of a process that was killed, and takes its data over', async () => {
    const { child, line: url } = await startElsewhere();
    await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const orphan = postmasterOf(folder);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(processStartTime(orphan)).toBeDefined();

    const server = await start();

    expect(processStartTime(orphan)).toBeUndefined();
    expect(await query(server.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('recovers when the server was killed too', async () => {
    const { child, line: url } = await startElsewhere();
    await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    process.kill(postmasterOf(folder), 'SIGKILL');
    child.kill('SIGKILL');

    expect(await query((await start()).url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('is not misled by a pid file whose number another process has now', async () => {
    await (await start()).stop();
    const file = join(folder, 'postgres', 'data', 'postmaster.pid');
    writeFileSync(file, `${process.pid}\n${join(folder, 'postgres', 'data')}\n1\n5432\n\n127.0.0.1\n  1  1\nready\n`);

    await expect(start()).resolves.toBeDefined();
  });

  it('makes the cluster anew when its making was interrupted', async () => {
    const half = join(folder, 'postgres', 'data.draft-1', 'data');
    mkdirSync(half, { recursive: true });

    const server = await start();

    expect(existsSync(half)).toBe(false);
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('takes another port when its own is in use', async () => {
    const first = await start();
    const second = await start(join(folder, 'other'));
    await second.stop();
    writeFileSync(join(folder, 'other', 'postgres', 'port'), String(first.port));

    expect((await start(join(folder, 'other'))).port).not.toBe(first.port);
  });

  it('tells when it is ended by somebody else', async () => {
    const server = await start();
    process.kill(postmasterOf(folder), 'SIGINT');

    await expect(server.ended).resolves.toBeUndefined();
  });

  it('leaves a cluster of another major version alone and says so', async () => {
    await (await start()).stop();
    writeFileSync(join(folder, 'postgres', 'data', 'PG_VERSION'), '13\n');

    await expect(start()).rejects.toThrow(/made by PostgreSQL 13, this version brings \d+: .*pg_dump.*DATA_DIR/);
  });

  it('says what is in the way', async () => {
    writeFileSync(join(folder, 'file'), '');

    await expect(start(join(folder, 'file'))).rejects.toThrow(/a file is in its way: set DATA_DIR/);
  });

  itAsNobody('works as an ordinary user, who may not use what is not theirs', async () => {
    const refused = await startElsewhere({ uid: NOBODY, gid: NOBODY }, join(folder, 'closed'));
    expect(refused.line).toMatch(/^StartupError: No right to write .*closed.*: start as the user who owns it/);

    chmodSync(folder, 0o777);
    const { line } = await startElsewhere({ uid: NOBODY, gid: NOBODY }, join(folder, 'own'));

    expect(await query(line, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(statSync(join(folder, 'own', 'postgres', 'data')).uid).toBe(NOBODY);
  });

  itAsRoot(
    'goes where the database user can follow when root starts in a folder that is closed to others',
    async () => {
      chmodSync(folder, 0o700);
      const first = await start();
      try {
        expect(first.home.folder).toMatch(/^\/var\/lib\/tidecast\//);
        expect(first.home.moved).toContain(`${folder} is closed`);
        await first.stop();

        expect((await start()).url).toBe(first.url);
      } finally {
        await Promise.all(running.splice(0).map((server) => server.stop()));
        rmSync(first.home.folder, { recursive: true, force: true });
      }
    },
  );
});

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await new Promise((resolve) => child.once('exit', resolve));
}

function postmasterOf(dataDir: string): number {
  return Number.parseInt(readFileSync(join(dataDir, 'postgres', 'data', 'postmaster.pid'), 'utf8'), 10);
}

async function query(connectionString: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}
