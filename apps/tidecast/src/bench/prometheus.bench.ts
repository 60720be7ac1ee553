import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

import type { DataSource } from 'typeorm';

import { formatTable } from '../evaluate/table.js';
import { repositoryRoot } from '../repository-root.js';
import { startServer } from './rest-load.js';
import { startServers } from './servers.js';
import { median, percentile } from './statistics.js';

export interface PrometheusBenchOptions {
  readonly points: number;
  readonly series: number;
  readonly days: number;
  readonly step: string;
  readonly rounds: number;
}

const DAY_MS = 86_400_000;
const END = Date.UTC(2026, 5, 1);

/** Dashboards ask such things; each has ten series of the stored ones. */
const QUERIES: readonly (readonly [name: string, query: string])[] = [
  ['ten series as they are', 'tidecast_observation{item_id=~"bench-[0-9]"}'],
  [
    'ten items by name',
    `tidecast_observation{item_id=~"${Array.from({ length: 10 }, (_, n) => `bench-${n}`).join('|')}"}`,
  ],
  ['means over an hour', 'avg_over_time(tidecast_observation{item_id=~"bench-[0-9]"}[1h])'],
  ['sum of rates', 'sum(rate(tidecast_observation{site="s0"}[1h]))'],
];

/** What a dashboard waits for: `query_range` over days of ten series, of all that are stored. */
export async function benchPrometheus(options: PrometheusBenchOptions): Promise<void> {
  const { days, step, rounds } = options;
  process.stderr.write('starting PostgreSQL …\n');
  const servers = await startServers({ kafka: false });
  const stops: (() => Promise<void>)[] = [() => servers.stop()];
  try {
    process.stderr.write('storing points …\n');
    const perSeries = await storePoints(servers.dataSource, options);
    const cli = join(repositoryRoot(), 'dist/apps/tidecast/src/cli.js');
    // No model is asked here, and so none is loaded.
    const noModels = mkdtempSync(join(tmpdir(), 'tidecast-bench-'));
    stops.push(async () => rmSync(noModels, { recursive: true }));
    const server = await startServer(process.execPath, () => [cli], {
      DATABASE_URL: servers.databaseUrl,
      MODELS_DIR: noModels,
      SCHEDULER: 'false',
      LOG_LEVEL: 'error',
    });
    stops.push(() => server.stop());
    const range = { start: String((END - days * DAY_MS) / 1000), end: String(END / 1000), step };
    const rows: (string | number)[][] = [];
    const result: Record<string, unknown> = {};
    for (const [name, query] of QUERIES) {
      const asked = Array.from({ length: rounds + 1 }, () => timed(server.url, { query, ...range }));
      const answers = await inTurn(asked);
      // The first one fills caches.
      const ms = answers.slice(1).map((answer) => answer.ms);
      const { series, values } = answers[0]!;
      rows.push([name, series, values, Math.min(...ms), median(ms), percentile(ms, 0.95)]);
      result[name] = {
        series,
        values,
        best_ms: Number(Math.min(...ms).toFixed(1)),
        p50_ms: Number(median(ms).toFixed(1)),
        p95_ms: Number(percentile(ms, 0.95).toFixed(1)),
      };
    }
    process.stdout.write(`${formatTable(['query_range', 'series', 'values', 'best ms', 'p50 ms', 'p95 ms'], rows)}\n`);
    const plan = await planOfTen(servers.dataSource, days);
    process.stdout.write(
      `${days} days, a step of ${step}, ${perSeries * options.series} points stored in ${options.series} series; load average ${loadavg()[0]!.toFixed(1)}\n`,
    );
    process.stdout.write(`reading ten series in PostgreSQL: ${plan.ms.toFixed(1)} ms; ${plan.scans.join(', ')}\n`);
    process.stdout.write(`\n${JSON.stringify({ bench: 'prometheus', ...options, queries: result, plan })}\n`);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

/** Points of all series over the same stretch of time, ending at END; gives how many a series has. */
async function storePoints(dataSource: DataSource, { points, series }: PrometheusBenchOptions): Promise<number> {
  const perSeries = Math.ceil(points / series);
  const stepMs = 300_000;
  await dataSource.query(`SELECT ensure_observation_partitions($1, $2)`, [
    new Date(END - perSeries * stepMs),
    new Date(END),
  ]);
  await dataSource.query(
    `INSERT INTO series (item_id, channel, freq, labels)
     SELECT 'bench-' || n, 'value', 'PT5M', jsonb_build_object('site', 's' || n / 10) FROM generate_series(0, $1::int - 1) AS n`,
    [series],
  );
  await dataSource.query(
    `INSERT INTO observations
     SELECT series_id, $1::timestamptz - n * interval '5 minutes', 10 + sin(n / 40.0) + series_id, 0, now()
     FROM generate_series(0, $2::int - 1) AS n, series`,
    [new Date(END), perSeries],
  );
  await dataSource.query('VACUUM ANALYZE observations, series');
  return perSeries;
}

interface Timed {
  readonly ms: number;
  readonly series: number;
  readonly values: number;
}

function timed(url: string, params: Record<string, string>): () => Promise<Timed> {
  return async () => {
    const began = performance.now();
    const response = await fetch(`${url}/prometheus/api/v1/query_range`, {
      method: 'POST',
      body: new URLSearchParams(params),
    });
    const text = await response.text();
    const ms = performance.now() - began;
    if (!response.ok) throw new Error(text);
    const { data } = JSON.parse(text) as { data: { result: { values: unknown[] }[] } };
    return { ms, series: data.result.length, values: data.result.reduce((sum, { values }) => sum + values.length, 0) };
  };
}

async function inTurn<T>(calls: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  for (const call of calls) results.push(await call());
  return results;
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly PlanNode[];
}

/** How PostgreSQL reads ten series: its own time, and which scans touched rows. */
async function planOfTen(dataSource: DataSource, days: number): Promise<{ ms: number; scans: string[] }> {
  const [row] = await dataSource.query<{ 'QUERY PLAN': [{ 'Execution Time': number; Plan: PlanNode }] }[]>(
    `EXPLAIN (ANALYZE, FORMAT JSON)
     SELECT s.series_id, p.points FROM (SELECT series_id FROM series ORDER BY item_id LIMIT 10) AS s
     CROSS JOIN LATERAL (
       SELECT string_agg(timestamptz_send(o.ts) || float8send(o.value), '' ORDER BY o.ts) AS points
       FROM observations o WHERE o.series_id = s.series_id AND o.ts >= $1 AND o.ts <= $2
     ) p`,
    [new Date(END - days * DAY_MS), new Date(END)],
  );
  const [{ 'Execution Time': ms, Plan }] = row!['QUERY PLAN'];
  return { ms, scans: [...new Set(scansOf(Plan))] };
}

function scansOf(node: PlanNode): string[] {
  const own =
    node['Relation Name'] && node['Actual Loops'] > 0 ? [`${node['Node Type']} on ${node['Relation Name']}`] : [];
  return [...own, ...(node.Plans ?? []).flatMap(scansOf)];
}
