import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { availableCpus, type Tensors } from '@app/inference';

import { Progress } from '../evaluate/progress.js';
import { formatTable } from '../evaluate/table.js';
import { repositoryRoot } from '../repository-root.js';
import { BareLoop, bestLoop, type BestLoop } from './bare-loop.js';
import { runBatch, storeSeries, type BatchResult } from './inference-batch.js';
import { load, manyRows, openEngine, type BenchEngine, type LoadResult } from './inference-engine.js';
import { cycleGrowth, loadGrowth, swapUnderLoad } from './inference-swap.js';
import { startServers } from './servers.js';
import { median, percentile } from './statistics.js';

export interface InferenceBenchOptions {
  readonly model: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly callers: number;
  readonly series: number;
  readonly cycles: number;
  readonly minutes: number;
}

/** What is measured in turn. */
interface Rounds {
  readonly bare: number[];
  readonly single: number[];
  readonly engine: LoadResult[];
  readonly one: LoadResult[];
  readonly unbatched: LoadResult[];
}

/** Different rows that callers ask for. */
const ROWS = 256;
const SWAPS = 3;

/** The engine against ONNX Runtime in a bare loop, in turn on the same cores; then a scheduled batch, swaps and memory. */
export async function benchInference(options: InferenceBenchOptions): Promise<void> {
  const progress = new Progress();
  const folder = join(repositoryRoot(), 'models', options.model);
  const rows = manyRows(folder, ROWS);
  const cpus = Math.max(1, Math.floor(availableCpus()));
  const loops = await Promise.all([...new Set([1, cpus])].map((threads) => BareLoop.start(folder, threads)));
  const engine = await openEngine(options.model);
  const unbatched = await openEngine(options.model, 1);
  try {
    process.stderr.write('looking for the best batch of the bare loop …\n');
    const best = await bestLoop(loops, options.seconds / 4);
    const idleLag = await load(1, 1, () => sleep(1));
    const rounds = await measure(options, { best, loops, engine, unbatched, rows }, progress);
    const batch = await scheduledBatch(options, best, progress);
    const swap = await swapUnderLoad(engine, rows, { swaps: SWAPS, seconds: 2 * options.seconds });
    const cycles = await cycleGrowth(engine, rows[0]!, options.cycles, progress);
    const soak = await loadGrowth(engine, rows, options.minutes, progress);
    report(options, best, rounds, { ...batch, swap, cycles, soak, idleLag: idleLag.lagP99Ms });
  } finally {
    await Promise.all([engine.close(), unbatched.close(), ...loops.map((loop) => loop.close())]);
  }
}

async function measure(
  options: InferenceBenchOptions,
  parts: { best: BestLoop; loops: BareLoop[]; engine: BenchEngine; unbatched: BenchEngine; rows: Tensors[] },
  progress: Progress,
): Promise<Rounds> {
  const { best, loops, engine, unbatched, rows } = parts;
  const { seconds, callers } = options;
  const through = ({ model }: BenchEngine, count: number) =>
    load(count, seconds, (call) => model.run(rows[call % rows.length]!));
  await through(engine, callers);
  const rounds: Rounds = { bare: [], single: [], engine: [], one: [], unbatched: [] };
  for (let round = 1; round <= options.rounds; round++) {
    rounds.bare.push((await best.loop.run(best.rows, seconds)).rowsPerSecond);
    rounds.engine.push(await through(engine, callers));
    rounds.unbatched.push(await through(unbatched, callers));
    const singles: number[] = [];
    for (const loop of loops) singles.push((await loop.run(1, seconds / 2)).p50Ms);
    rounds.single.push(Math.min(...singles));
    rounds.one.push(await through(engine, 1));
    progress.report('rounds', round, options.rounds);
  }
  return rounds;
}

/** A scheduled batch between two looks at the bare loop. */
async function scheduledBatch(
  { series, model, seconds }: InferenceBenchOptions,
  { loop, rows }: BestLoop,
  progress: Progress,
): Promise<{ batch: BatchResult; batchBare: number }> {
  process.stderr.write('starting PostgreSQL …\n');
  const servers = await startServers({ kafka: false });
  try {
    const engine = await openEngine(model);
    try {
      await storeSeries(servers.dataSource, series, progress);
      const before = await loop.run(rows, seconds);
      const batch = await runBatch(servers.dataSource, { env: engine.env, model, progress });
      const after = await loop.run(rows, seconds);
      return { batch, batchBare: (before.rowsPerSecond + after.rowsPerSecond) / 2 };
    } finally {
      await engine.close();
    }
  } finally {
    await servers.stop();
  }
}

interface Rest {
  readonly batch: BatchResult;
  readonly batchBare: number;
  readonly swap: Awaited<ReturnType<typeof swapUnderLoad>>;
  readonly cycles: number;
  readonly soak: number;
  readonly idleLag: number;
}

function report(options: InferenceBenchOptions, best: BestLoop, rounds: Rounds, rest: Rest): void {
  const { bare, single, engine, one, unbatched } = rounds;
  const { batch, batchBare, swap, cycles, soak, idleLag } = rest;
  const perSecond = (results: readonly LoadResult[]) => median(results.map((result) => result.perSecond));
  const p50 = (results: readonly LoadResult[]) =>
    median(results.map(({ latenciesMs }) => percentile(latenciesMs, 0.5)));
  const lag = median(engine.map(({ lagP99Ms }) => lagP99Ms));
  const failures = [...engine, ...one, ...unbatched].flatMap((result) => result.failures);
  const ratios = {
    engine_to_bare: perSecond(engine) / median(bare),
    one_caller_to_single_run: p50(one) / median(single),
    batched_to_unbatched: perSecond(engine) / perSecond(unbatched),
    bare_batched_to_single: (median(bare) * median(single)) / 1000,
    scheduled_to_bare: batch.seriesPerSecond / batchBare,
  };
  const growth = (ratio: number) => `${(100 * ratio).toFixed(1)} %`;
  const table = [
    [`engine, ${options.callers} callers ÷ bare loop`, perSecond(engine), median(bare), ratios.engine_to_bare, '≥ 0.9'],
    ['p50 ms of one caller ÷ single run', p50(one), median(single), ratios.one_caller_to_single_run, '≤ 1.3'],
    ['batched ÷ unbatched', perSecond(engine), perSecond(unbatched), ratios.batched_to_unbatched, '≥ 4'],
    [
      '  what the model allows: bare loop, best batch ÷ one by one',
      median(bare),
      1000 / median(single),
      ratios.bare_batched_to_single,
      '',
    ],
    [
      `scheduled batch, ${options.series} series ÷ bare loop`,
      batch.seriesPerSecond,
      batchBare,
      ratios.scheduled_to_bare,
      '≥ 0.6',
    ],
    ['event loop delay p99 ms, full load (idle)', lag, idleLag, '', '≤ 20'],
    ['event loop delay p99 ms, scheduled batch (idle)', batch.lagP99Ms, idleLag, '', '≤ 20'],
    [`hot swaps: requests failed, wrong of ${swap.requests}`, swap.failed, swap.wrong, '', '0, 0'],
    [`memory over ${options.cycles} load/unload cycles`, growth(cycles), '', '', '≤ 10 %'],
    [`memory over ${options.minutes} min of load`, growth(soak), '', '', '≤ 10 %'],
  ];
  process.stdout.write(`${formatTable(['', 'ours', 'against', 'ratio', 'target'], table)}\n`);
  process.stdout.write(
    `bare loop at ${best.rows} rows and ${best.loop.threads} thread(s); windows were loaded ${(100 * batch.windowShare).toFixed(0)} % of the batch's time; load average ${loadavg()[0]!.toFixed(1)}\n`,
  );
  if (failures.length > 0) process.stdout.write(`${failures.length} calls failed: ${failures[0]}\n`);
  const round = (values: Record<string, number>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value.toFixed(3))]));
  const result = {
    bench: 'inference',
    model: options.model,
    rounds: options.rounds,
    series: options.series,
    ...round(ratios),
    ...round({ event_loop_p99_ms: lag, event_loop_idle_p99_ms: idleLag, batch_event_loop_p99_ms: batch.lagP99Ms }),
    failed_calls: failures.length,
    swap,
    ...round({ cycle_growth: cycles, load_growth: soak }),
  };
  process.stdout.write(`\n${JSON.stringify(result)}\n`);
}
