import { loadavg } from 'node:os';
import { join } from 'node:path';

import { availableCpus } from '@app/inference';

import { Progress } from '../evaluate/progress.js';
import { formatTable } from '../evaluate/table.js';
import { repositoryRoot } from '../repository-root.js';
import { storeSeries } from './inference-batch.js';
import { putLoad, startServer, type LoadAnswer, type LoadRequest } from './rest-load.js';
import { findPeer, startPeer } from './rest-peer.js';
import { startServers } from './servers.js';
import { median, percentile } from './statistics.js';

export interface RestBenchOptions {
  readonly model: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly series: number;
  readonly rate: number;
  readonly connections: number;
  readonly makePeer?: boolean;
}

const POINTS = 512;
/** Of the first forecasts. */
const SERIES_A_CALL = 500;
const HORIZON = 24;

/** Where a request spends its time, milliseconds on average; by the metrics of the process. */
type Shares = Readonly<Record<'http' | 'windows' | 'queue' | 'run' | 'rest', number>>;

/** REST as a client sees it: stored series at a fixed rate, reads, and inline series against Python on the same cores. */
export async function benchRest(options: RestBenchOptions): Promise<void> {
  const { model, rounds, seconds, rate, connections, series } = options;
  const progress = new Progress();
  const peer = findPeer(options.makePeer ?? false);
  process.stderr.write('starting PostgreSQL …\n');
  const servers = await startServers({ kafka: false });
  const stops: (() => Promise<void>)[] = [() => servers.stop()];
  try {
    await storeSeries(servers.dataSource, series, progress);
    const cli = join(repositoryRoot(), 'dist/apps/tidecast/src/cli.js');
    const ours = await startServer(process.execPath, () => [cli], {
      DATABASE_URL: servers.databaseUrl,
      PROVIDER: 'cpu',
      LOG_LEVEL: 'error',
    });
    stops.push(() => ours.stop());
    const theirs = 'python' in peer ? await startPeer(peer.python, model, Math.floor(availableCpus())) : undefined;
    if (theirs) stops.push(() => theirs.stop());

    const stored = storedRequests(series, model);
    const inline = { ours: inlineRequests('/api/v1/forecasts', model), theirs: inlineRequests('/forecasts', model) };
    const reads = storedItems(series).map((item) => get(`/api/v1/forecasts/latest?item_id=${item}`));
    await forecastAll(ours.url, series, model);
    await putLoad({ url: ours.url, requests: stored, seconds: 1, connections });

    const results: Record<'atRate' | 'reads' | 'ours' | 'theirs', LoadAnswer[]> = {
      atRate: [],
      reads: [],
      ours: [],
      theirs: [],
    };
    const shares: Shares[] = [];
    for (let round = 1; round <= rounds; round++) {
      const before = await times(ours.url);
      results.atRate.push(await putLoad({ url: ours.url, requests: stored, seconds, perSecond: rate }));
      shares.push(between(before, await times(ours.url)));
      results.ours.push(await putLoad({ url: ours.url, requests: inline.ours, seconds, connections }));
      if (theirs)
        results.theirs.push(await putLoad({ url: theirs.url, requests: inline.theirs, seconds, connections }));
      results.reads.push(await putLoad({ url: ours.url, requests: reads, seconds, connections }));
      progress.report('rounds', round, rounds);
    }
    report(options, results, shares, 'missing' in peer ? peer.missing : undefined);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

function storedItems(series: number): string[] {
  return Array.from({ length: series }, (_, i) => `bench-${i + 1}`);
}

/** Gives every series a forecast that can be read. */
async function forecastAll(url: string, series: number, model: string): Promise<void> {
  const items = storedItems(series);
  for (let at = 0; at < items.length; at += SERIES_A_CALL) {
    const response = await fetch(`${url}/api/v1/forecasts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ item_id: items.slice(at, at + SERIES_A_CALL), horizon: HORIZON, model }),
    });
    if (!response.ok) throw new Error(`no forecasts to read: ${await response.text()}`);
  }
}

function storedRequests(series: number, model: string): LoadRequest[] {
  return storedItems(series).map((item_id) => post('/api/v1/forecasts', { item_id, horizon: HORIZON, model }));
}

function inlineRequests(path: string, model: string): LoadRequest[] {
  return Array.from({ length: 32 }, (_, k) => {
    const target = Array.from({ length: POINTS }, (__, i) => 100 + k + 10 * Math.sin((i * Math.PI) / 12 + k));
    const series = [{ item_id: `inline-${k}`, freq: 'PT1H', start: '2026-01-01T00:00:00Z', target }];
    return post(path, { series, horizon: HORIZON, model });
  });
}

function post(path: string, body: unknown): LoadRequest {
  return { method: 'POST', path, body };
}

function get(path: string): LoadRequest {
  return { method: 'GET', path };
}

/** Sums of seconds and counts of the histograms of a process, by name. */
async function times(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^(tidecast_\w+_seconds_(?:sum|count))(\{[^}]*\})? (\S+)$/.exec(line);
    if (!match || (match[1]!.includes('http') && !match[2]?.includes('forecasts'))) continue;
    found.set(match[1]!, (found.get(match[1]!) ?? 0) + Number(match[3]));
  }
  return found;
}

function between(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Shares {
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  const requests = grown('tidecast_http_request_seconds_count');
  const each = (name: string) => (1000 * grown(`tidecast_${name}_seconds_sum`)) / requests;
  const own = {
    http: each('http_request'),
    windows: each('context'),
    queue: each('inference_wait'),
    run: each('inference'),
  };
  return { ...own, rest: own.http - own.windows - own.queue - own.run };
}

function report(
  options: RestBenchOptions,
  results: Readonly<Record<'atRate' | 'reads' | 'ours' | 'theirs', LoadAnswer[]>>,
  shares: readonly Shares[],
  missing: string | undefined,
): void {
  const of = (answers: readonly LoadAnswer[]) => ({
    perSecond: median(answers.map(({ perSecond }) => perSecond)),
    p50: median(answers.map(({ latencies }) => percentile(latencies, 0.5))),
    p99: median(answers.map(({ latencies }) => percentile(latencies, 0.99))),
    failed: answers.flatMap(({ failures }) => Object.values(failures)).reduce((sum, count) => sum + count, 0),
  });
  const [atRate, reads, ours] = [of(results.atRate), of(results.reads), of(results.ours)];
  const theirs = results.theirs.length > 0 ? of(results.theirs) : undefined;
  const row = (name: string, { perSecond, p50, p99, failed }: ReturnType<typeof of>) => [
    name,
    perSecond,
    p50,
    p99,
    failed,
  ];
  const table = [
    row(`forecasts of stored series at ${options.rate}/s`, atRate),
    row(`reads of the latest forecast, ${options.connections} connections`, reads),
    row(`forecasts of inline series, ${options.connections} connections`, ours),
    ...(theirs ? [row('the same, Python onnxruntime behind FastAPI', theirs)] : []),
  ];
  process.stdout.write(`${formatTable(['', 'per second', 'p50 ms', 'p99 ms', 'failed'], table)}\n`);
  const mean = (name: keyof Shares) => median(shares.map((share) => share[name]));
  process.stdout.write(
    `of ${mean('http').toFixed(1)} ms a request in the server: windows ${mean('windows').toFixed(1)}, queue ${mean('queue').toFixed(1)}, run ${mean('run').toFixed(1)}, storing and the rest ${mean('rest').toFixed(1)}; load average ${loadavg()[0]!.toFixed(1)}\n`,
  );
  if (missing !== undefined) process.stdout.write(`Python skipped: ${missing}\n`);
  const round = (value: number) => Number(value.toFixed(2));
  const rounded = (summary: ReturnType<typeof of>) =>
    Object.fromEntries(Object.entries(summary).map(([name, value]) => [name, round(value)]));
  const ratios = theirs && {
    throughput_to_python: round(ours.perSecond / theirs.perSecond),
    p99_to_python: round(ours.p99 / theirs.p99),
  };
  const result = {
    bench: 'rest',
    model: options.model,
    rounds: options.rounds,
    at_rate: rounded(atRate),
    reads: rounded(reads),
    inline: rounded(ours),
    python: theirs ? rounded(theirs) : null,
    ...ratios,
    milliseconds: Object.fromEntries(
      (['http', 'windows', 'queue', 'run', 'rest'] as const).map((name) => [name, round(mean(name))]),
    ),
  };
  process.stdout.write(`\n${JSON.stringify(result)}\n`);
}
