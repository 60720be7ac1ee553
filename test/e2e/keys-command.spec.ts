import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, TidecastProcess } from '../support/processes.js';

const run = promisify(execFile);

/** An installation of its own with the embedded PostgreSQL; baselines are enough for it. */
const folder = mkdtempSync(join(tmpdir(), 'tidecast-keys-'));
chmodSync(folder, 0o755);
mkdirSync(join(folder, 'models'));
const env = { DATA_DIR: join(folder, 'data'), MODELS_DIR: join(folder, 'models'), DATABASE_URL: '', HOST: '0.0.0.0' };

async function keys(...args: string[]): Promise<string> {
  const options = { env: { ...process.env, ...env } };
  return (await run(process.execPath, ['dist/apps/tidecast/src/keys.js', ...args], options)).stdout.trim();
}

describe('npm run keys', () => {
  let running: TidecastProcess | undefined;
  afterAll(async () => {
    await running?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('opens the API to others, and closes it again, while it runs', async () => {
    const refused = await TidecastProcess.spawn({ env });
    expect(await refused.exited()).toBe(1);
    expect(refused.stderr).toMatch(/^HOST is 0\.0\.0\.0, where every caller needs a key.*npm run keys -- create/);

    const first = await keys('create', 'ops', '--scope', 'admin');
    expect(first).toMatch(/^tdc_/);
    running = await TidecastProcess.start({ env });
    const { url } = running;
    const status = async (path: string, key?: string) =>
      (await fetch(url + path, key === undefined ? {} : { headers: { 'x-api-key': key } })).status;
    expect(await status('/api/v1/series')).toBe(401);
    expect(await status('/metrics')).toBe(401);
    expect(await status('/health/live')).toBe(200);
    expect(await status('/api/v1/series', first)).toBe(200);

    const second = await keys('create', 'pumps', '--scope', 'read', '--items', 'pump-', '--expires', 'P90D');
    expect(await status('/api/v1/series', second)).toBe(200);
    expect(await status('/api/v1/keys', second)).toBe(403);
    expect(await keys('list')).toMatch(/ops\s+admin\s+all\s+works[\s\S]*pumps\s+read\s+pump-\*\s+until/);

    await keys('revoke', 'ops');
    await eventually(async () => (await status('/api/v1/series', first)) === 401, 5_000);
    expect(await status('/api/v1/series', second)).toBe(200);
  }, 120_000);
});
