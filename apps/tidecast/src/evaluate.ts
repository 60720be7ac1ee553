import { existsSync, writeFileSync } from 'node:fs';

import { loadEnv } from '@app/config';
import { parseForecastingManifest, summarise, type ForecastingEntry } from '@app/evaluation';
import { AggregateForecaster, ForecasterCatalogue } from '@app/forecasters';
import { createLogger, messageOf } from '@app/observability';
import { Command } from 'commander';

import { anomalyCommand } from './evaluate/anomaly-command.js';
import { evaluateSet, type Contestants, type ModelResult } from './evaluate/forecasting.js';
import { checkGoldenCases } from './evaluate/golden.js';
import { evaluateOnline, type OnlineResult } from './evaluate/online.js';
import { Progress } from './evaluate/progress.js';
import { readJson } from './evaluate/read-json.js';
import { formatTable } from './evaluate/table.js';

/** Every score is also told relative to these two, so they always run: the textbook's, as tables have it, and ours. */
const REFERENCE = 'textbook-seasonal-naive';
const SERVED = 'seasonal-naive';

interface ForecastingOptions {
  data: string;
  manifest: string;
  models: string;
  modelsDir?: string;
  online?: boolean;
  out?: string;
}

async function forecasting(options: ForecastingOptions): Promise<void> {
  const entries = parseForecastingManifest(readJson(options.manifest));
  const { modelsDir } = options;
  if (modelsDir !== undefined && !existsSync(modelsDir))
    throw new Error(`--models-dir: there is no folder ${modelsDir}`);
  const env = loadEnv({ ...process.env, ...(modelsDir === undefined ? {} : { MODELS_DIR: modelsDir }) });
  const catalogue = await ForecasterCatalogue.load({ env, logger: createLogger('evaluate', 'warn') });
  try {
    if (options.online) return await online(options, entries, catalogue);
    const names = [...new Set([...options.models.split(',').map((name) => name.trim()), SERVED])];
    const forecasters = new Map(names.map((name) => [name, catalogue.resolve(name)]));
    const sets = await evaluateSets(options.data, entries, { forecasters, reference: REFERENCE });
    const summary = summarise(sets, { reference: REFERENCE, served: SERVED });

    process.stdout.write(`${setsTable(sets)}\n\n`);
    if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify({ sets, summary }, null, 2)}\n`);
    process.stdout.write(`${JSON.stringify(summary)}\n`);
  } finally {
    await catalogue.close();
  }
}

/** What is served once a series has been scored for a while; the last line is one JSON object. */
async function online(
  { data, out }: ForecastingOptions,
  entries: readonly ForecastingEntry[],
  catalogue: ForecasterCatalogue,
): Promise<void> {
  const auto = catalogue.resolve('auto');
  if (!(auto instanceof AggregateForecaster)) {
    throw new Error(
      '--online: auto learns from the scorecard only as an aggregate: unset AUTO_MODE, and see MODELS_DIR',
    );
  }
  const progress = new Progress();
  const sets: Record<string, OnlineResult> = {};
  for (const entry of entries) {
    const result = await evaluateOnline(data, entry, auto, progress);
    if (result) sets[entry.name] = result;
    else process.stderr.write(`${entry.name}: no series has 200 scored points before its last origin; left out\n`);
  }
  const rows = Object.entries(sets).flatMap(([set, { fallbacks, ...runs }]) =>
    Object.entries(runs).map(([run, { WQL, scaledWQL, MASE, coverage, windows }]) => [
      set,
      run,
      WQL,
      scaledWQL,
      MASE,
      coverage[80],
      coverage[95],
      windows,
      run === 'served' ? fallbacks : 0,
    ]),
  );
  process.stdout.write(
    `${formatTable('set run WQL scaledWQL MASE cov80 cov95 windows fallbacks'.split(' '), rows)}\n\n`,
  );
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(sets, null, 2)}\n`);
  process.stdout.write(`${JSON.stringify(sets)}\n`);
}

async function evaluateSets(
  folder: string,
  entries: readonly ForecastingEntry[],
  contestants: Contestants,
): Promise<Record<string, Record<string, ModelResult>>> {
  const progress = new Progress();
  const sets: Record<string, Record<string, ModelResult>> = {};
  for (const entry of entries) sets[entry.name] = await evaluateSet(folder, entry, contestants, progress);
  return sets;
}

function setsTable(sets: Record<string, Record<string, ModelResult>>): string {
  const header = 'set model MASE sMAPE MSE MAE WQL scaledWQL cov80 cov95 width80 width95 ms windows Σ|y|'.split(' ');
  const rows = Object.entries(sets).flatMap(([set, models]) =>
    Object.entries(models).map(([model, score]) => {
      const { MASE, sMAPE, MSE, MAE, WQL, scaledWQL, coverage, width, msPerForecast, windows, sumAbsTarget } = score;
      const accuracy = [MASE, sMAPE, MSE, MAE, WQL, scaledWQL];
      const intervals = [coverage[80], coverage[95], width[80], width[95]];
      return [set, model, ...accuracy, ...intervals, msPerForecast, windows, sumAbsTarget];
    }),
  );
  return formatTable(header, rows);
}

const program = new Command('evaluate')
  .description('Measures what the serving code would have answered on series whose future is known.')
  .showHelpAfterError('(--help explains the options)');

program
  .command('forecasting')
  .description('Forecasts every window of the sets in a manifest and scores them; the last line is one JSON object.')
  .requiredOption('--data <dir>', 'folder that the file names of the manifest are relative to')
  .requiredOption('--manifest <file>', 'JSON array of sets; docs/evaluation.md explains its keys')
  .option('--models <names>', 'comma-separated models; seasonal-naive always runs beside them', 'auto,ttm')
  .option('--models-dir <dir>', 'folder of the model packages <family>/<name>, instead of MODELS_DIR')
  .option(
    '--online',
    'walk the origins in time order: what came teaches what is served next; of auto, and only of series with 200 scored points',
  )
  .option('--out <file>', 'write all scores as JSON')
  .action(forecasting);

program
  .command('golden')
  .description(
    'Imports checkpoints of the original code and checks their answers in PyTorch and in Node, a line a case; exit code 1 when one fails.',
  )
  .requiredOption('--data <dir>', 'folder with <family>/<case>/{config.json, model.safetensors, golden.json}')
  .action(async ({ data }: { data: string }) => {
    if (!(await checkGoldenCases(data))) process.exitCode = 1;
  });

program.addCommand(anomalyCommand());

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.stderr.write(`evaluate: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
