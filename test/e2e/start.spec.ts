import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { processStartTime } from '../../apps/tidecast/src/process-identity.js';
import { eventually, freePort, TidecastProcess, type ProcessOptions } from '../support/processes.js';

/** The promise for a second start is 6 s on two free cores; other spec files, and who knows what, run beside this one. */
const SECOND_START_MS = 30_000;
const STOP_MS = 3_000;

jest.setTimeout(180_000);

describe('npm start', () => {
  let folder: string;
  const processes: TidecastProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-start-'));
    chmodSync(folder, 0o755);
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((one) => one.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  const spawn = async (options: ProcessOptions = {}) => {
    const env = { DATA_DIR: join(folder, 'data'), ...options.env };
    const started = await TidecastProcess.spawn({ ...options, env });
    processes.push(started);
    return started;
  };
  const start = async (options: ProcessOptions = {}) => {
    const started = await spawn(options);
    await started.untilReady();
    return started;
  };
  /** A start that must fail: its exit code and all that it wrote to stderr. */
  const fails = async (options: ProcessOptions) => {
    const started = await spawn(options);
    const code = await started.exited();
    return { code, lines: started.stderr.trim().split('\n') };
  };
  const postmaster = () => Number.parseInt(readFileSync(join(folder, 'data/postgres/data/postmaster.pid'), 'utf8'), 10);

  it('says in one block what runs where, answers, and leaves nothing running after Ctrl-C', async () => {
    const tidecast = await start({ viaNpmStart: true });
    const database = postmaster();
    await eventually(() => tidecast.output.includes('Ctrl-C'));

    for (const line of [
      /Tidecast \S+ runs: all roles/,
      new RegExp(`API +${tidecast.url}/api/v1$`, 'm'),
      new RegExp(`Docs +${tidecast.url}/docs$`, 'm'),
      /Data +embedded PostgreSQL in .*data\/postgres, port \d+/,
      /Log +PostgreSQL/,
      /Models +\S+/,
    ]) {
      expect(tidecast.output).toMatch(line);
    }
    expect((await fetch(`${tidecast.url}/docs/openapi.json`)).status).toBe(200);

    const asked = Date.now();
    expect(await tidecast.stop('SIGINT')).toBe(0);
    expect(Date.now() - asked).toBeLessThan(STOP_MS);
    expect(processStartTime(database)).toBeUndefined();
  });

  it('recovers by itself after kill -9, within the time of a second start', async () => {
    const first = await start();
    await first.kill();
    const orphan = postmaster();
    expect(processStartTime(orphan)).toBeDefined();

    const begun = Date.now();
    await start();

    expect(Date.now() - begun).toBeLessThan(SECOND_START_MS);
    expect(processStartTime(orphan)).toBeUndefined();
  });

  it('refuses a second start on the same data in one sentence', async () => {
    const first = await start();
    await eventually(() => first.output.includes('Ctrl-C'));

    const { code, lines } = await fails({});

    expect(code).toBe(1);
    expect(lines).toEqual([
      `Tidecast already runs on ${join(folder, 'data/postgres')} (pid ${first.pid} and answers at ${first.url}): stop it first, or set DATA_DIR and PORT for a second one.`,
    ]);
  });

  it('refuses a port in use in one sentence', async () => {
    const port = await freePort();
    const other = await occupy(port);
    try {
      const { code, lines } = await fails({ env: { PORT: String(port) } });

      expect(code).toBe(1);
      expect(lines).toEqual([
        `Port ${port} on 127.0.0.1 is in use by another program: stop it, or set PORT to another port.`,
      ]);
    } finally {
      other.close();
    }
  });

  it.each([
    [
      'an unreachable database',
      { DATABASE_URL: 'postgres://me:hidden@127.0.0.1:9/x' },
      /^PostgreSQL at 127\.0\.0\.1:9 can't be reached .*: start it, or correct DATABASE_URL\.$/,
    ],
    ['an unreachable broker', { KAFKA_BROKERS: '127.0.0.1:9' }, /127\.0\.0\.1:9.*KAFKA_BROKERS/],
    ['an address of another machine', { HOST: '192.0.2.1' }, /^This machine has no address 192\.0\.2\.1: set HOST/],
  ])('refuses %s in one sentence', async (_name, env, sentence) => {
    const { code, lines } = await fails({ env });

    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(sentence);
    expect(lines[0]).not.toContain('hidden');
  });

  it('lists all wrong keys at once', async () => {
    const { code, lines } = await fails({ env: { LOG_LEVEL: 'loud', DATABASE_POOL: 'many', PROVIDER: 'tpu' } });

    expect(code).toBe(1);
    expect(lines.join('\n')).toMatch(/LOG_LEVEL: [\s\S]*DATABASE_POOL: [\s\S]*PROVIDER: /);
  });

  it('refuses a role alone without its servers, and a wrong option by name', async () => {
    expect(await fails({ args: ['ingest'] })).toEqual({
      code: 1,
      lines: [expect.stringMatching(/^The ingest role alone needs DATABASE_URL and KAFKA_BROKERS: /)],
    });
    const { code, lines } = await fails({ args: ['--dmeo'] });
    expect(code).toBe(1);
    expect(lines[0]).toContain("unknown option '--dmeo'");
  });

  it('explains every configuration key with --help', async () => {
    const help = await spawn({ args: ['--help'] });

    expect(await help.exited()).toBe(0);
    expect(help.output).toMatch(/PORT +Port of the HTTP API.* \[8080\]/);
    expect(help.output).toMatch(/DATABASE_URL .*\[not set\]/);
  });
});

async function occupy(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}
