import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort } from './processes.js';

/** What a real Prometheus and its promtool need: Debian's package `prometheus`. */
const installed = ['prometheus', 'promtool'].every((name) => spawnSync(name, ['--version']).status === 0);

/** `describe` for what needs the real Prometheus. Skipped where it is not installed, except in CI, where it must be. */
export function describeWithPrometheus(title: string, body: () => void): void {
  if (installed || process.env['CI']) describe(title, body);
  else describe.skip(`${title} (skipped: prometheus is not installed; apt-get install prometheus)`, body);
}

/** A real Prometheus on samples that were put into its storage, or one that a configuration tells what to do. */
export class PrometheusProcess {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /**
   * @param options.openMetrics samples in the OpenMetrics text format, with timestamps.
   * @param options.config YAML; nothing is scraped without one.
   */
  static async start({ openMetrics = '', config = '{}' }: { openMetrics?: string; config?: string } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'tidecast-prometheus-'));
    const data = join(folder, 'data');
    writeFileSync(join(folder, 'prometheus.yml'), config);
    if (openMetrics !== '') {
      writeFileSync(join(folder, 'samples.txt'), openMetrics);
      const made = spawnSync('promtool', [
        'tsdb',
        'create-blocks-from',
        'openmetrics',
        join(folder, 'samples.txt'),
        data,
      ]);
      if (made.status !== 0) throw new Error(`promtool could not store the samples: ${made.stderr.toString()}`);
    }
    const port = await freePort();
    const args = {
      'config.file': join(folder, 'prometheus.yml'),
      'storage.tsdb.path': data,
      'storage.tsdb.retention.time': '100y',
      'web.listen-address': `127.0.0.1:${port}`,
      'log.level': 'error',
    };
    const child = spawn(
      'prometheus',
      Object.entries(args).map(([name, value]) => `--${name}=${value}`),
      { stdio: 'ignore' },
    );
    const process = new PrometheusProcess(`http://127.0.0.1:${port}`, child, folder);
    await eventually(async () => (await fetch(`${process.url}/-/ready`)).ok);
    return process;
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await exited;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What promtool prints for a command, and its exit code. */
export async function promtool(...args: readonly string[]): Promise<{ code: number; output: string; errors: string }> {
  const child = spawn('promtool', args);
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise<number>((resolve) => child.once('close', (exit) => resolve(exit ?? -1)));
  return { code, output, errors };
}
