import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { useRestProcess } from '../support/rest-process.js';

const guide = readFileSync('docs/rest.md', 'utf8');
const examples = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, example]) => example!);
const hasCurl = spawnSync('curl', ['--version']).status === 0;

const rest = useRestProcess(undefined, { ingest: true });

/** Runs an example as a reader would; curl fails the shell where the API answers with an error. */
async function run(example: string): Promise<{ code: number; output: string }> {
  const script = `set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n${example}`;
  const shell = spawn('bash', ['-c', script], { env: { ...process.env, API: `${rest().url}/api/v1` } });
  const [output, errors, [code]] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'exit')]);
  return { code: code as number, output: output + errors };
}

async function untilObserved(points: number): Promise<void> {
  for (let found = 0; found < points; await sleep(50)) {
    const [row] = await rest().dataSource.query<{ n: number }[]>('SELECT count(*)::int AS n FROM observations');
    found = row!.n;
  }
}

// A machine without curl can't follow the guide either.
(hasCurl ? describe : describe.skip)('docs/rest.md', () => {
  it('works as it stands, one command after the other', async () => {
    for (const [index, example] of examples.entries()) {
      expect({ example, ...(await run(example)) }).toMatchObject({ code: 0 });
      // Moments later, as the guide says.
      if (index === 1) await untilObserved(21);
    }
  });

  it('leaves behind what it says', async () => {
    const { body } = await rest().get<{ series: object[] }>('/series?item_id=pump-7');

    expect(body.series).toMatchObject([
      { channel: 'flow', freq: 'PT1H', freq_declared: true, time_zone: 'Europe/Berlin', labels: { site: 'north' } },
      { channel: 'temp', freq_declared: false },
    ]);
    expect((await rest().get('/jobs')).body).toEqual({ jobs: [] });
  });
});
