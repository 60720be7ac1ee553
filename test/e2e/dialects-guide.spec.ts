import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describeWithPython } from '../support/python-peer.js';
import { useRestProcess } from '../support/rest-process.js';

const guide = readFileSync('docs/dialects.md', 'utf8');
const examples = (language: string) =>
  [...guide.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, example]) => example!);
const hasCurl = spawnSync('curl', ['--version']).status === 0;

const rest = useRestProcess();

/** Runs an example as a reader would; curl fails the shell where it is answered with an error. */
async function run(example: string): Promise<{ code: number; output: string }> {
  const script = `set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n${example}`;
  const shell = spawn('bash', ['-c', script], { env: { ...process.env, TIDECAST: rest().url } });
  const [output, errors, [code]] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'exit')]);
  return { code: code as number, output: output + errors };
}

// A machine without curl can't follow the guide either.
(hasCurl ? describe : describe.skip)('docs/dialects.md in a shell', () => {
  it('works as it stands', async () => {
    const outputs: string[] = [];
    for (const example of examples('sh')) {
      const { code, output } = await run(example);
      expect({ example, code, output }).toMatchObject({ code: 0 });
      outputs.push(output);
    }
    expect(outputs.join('\n')).toMatch(/"status":"completed"[\s\S]*"model_name":"ttm\/base"[\s\S]*"flow_q0.1"/);
  });
});

describeWithPython('docs/dialects.md in Python', (peer) => {
  it('works as it stands', async () => {
    await peer().run(`import os\nos.environ["TIDECAST"] = "${rest().url}"`);
    const [timegpt, triton] = examples('python');
    const shapes = await peer().run(`${timegpt}
result = [list(table.shape) for table in (forecast, quantiles, history, windows, anomalies, newest)]`);
    // A day of two shops; its history, from the second window on; three windows of half a day; the newest day.
    expect(shapes).toEqual([
      [48, 7],
      [48, 6],
      [48 + 2 * 180, 3],
      [72, 7],
      [360, 7],
      [48, 8],
    ]);
    expect(await peer().run(`${triton}\nresult = list(quantiles.shape)`)).toEqual([2, 24, 2]);
  });
});
