import { writeFileSync } from 'node:fs';

import { parseAnomalyManifest } from '@app/evaluation';
import { Command, InvalidArgumentError, Option } from 'commander';

import { readAnomalySet, readNab, type AnomalySet } from './anomaly-data.js';
import { EVALUATED_NAMES, evaluateAnomalies, type AnomalyEvaluation, type AnomalyResult } from './anomaly.js';
import { Progress } from './progress.js';
import { readJson } from './read-json.js';
import { formatTable } from './table.js';

interface AnomalyOptions {
  readonly data: string;
  readonly manifest?: string;
  readonly layout?: 'nab';
  readonly detectors: string;
  readonly seed: number;
  readonly out?: string;
}

/** `evaluate anomaly`: detectors on labelled series. */
export function anomalyCommand(): Command {
  return new Command('anomaly')
    .description(
      'Runs detectors over labelled series, point by point, and scores them; the last line is one JSON object.',
    )
    .requiredOption('--data <dir>', 'folder that the file names of the manifest are relative to, or the NAB folder')
    .addOption(new Option('--manifest <file>', 'JSON array of sets').conflicts('layout'))
    .addOption(new Option('--layout <name>', 'nab: a checkout of numenta/NAB, scored its own way too').choices(['nab']))
    .option('--detectors <names>', `comma-separated, of ${EVALUATED_NAMES.join(', ')}`, 'default')
    .option('--seed <n>', 'what the random choices of the detectors begin with', wholeNumber, 140)
    .option('--out <file>', 'write all scores as JSON')
    .action(anomaly);
}

async function anomaly(options: AnomalyOptions): Promise<void> {
  const detectors = detectorNames(options.detectors);
  const progress = new Progress();
  const sets = await readSets(options, progress);
  const evaluation = evaluateAnomalies(sets, detectors, progress, options.seed);

  process.stdout.write(`${resultTable(evaluation)}\n\n`);
  if (evaluation.nab) process.stdout.write(`${nabTable('NAB', evaluation.nab)}\n\n`);
  if (evaluation.nabTwoFold) process.stdout.write(`${nabTable('NAB, two-fold', evaluation.nabTwoFold)}\n\n`);
  if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(evaluation, null, 2)}\n`);
  const { mean, nab } = evaluation;
  process.stdout.write(`${JSON.stringify({ mean, ...(nab && { nab }) })}\n`);
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a whole number is needed.');
}

/** @throws Error naming every detector that there is not. */
export function detectorNames(text: string): string[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  const unknown = names.filter((name) => !EVALUATED_NAMES.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--detectors: there is no ${unknown.join(', ')}; there are ${EVALUATED_NAMES.join(', ')}`);
  }
  return names;
}

async function readSets({ data, manifest, layout }: AnomalyOptions, progress: Progress): Promise<AnomalySet[]> {
  if (layout === 'nab') return readNab(data, (done, total) => progress.report('reading NAB', done, total));
  if (manifest === undefined) throw new Error('--manifest or --layout is needed');

  const entries = parseAnomalyManifest(readJson(manifest));
  const sets: AnomalySet[] = [];
  for (const entry of entries) {
    sets.push(await readAnomalySet(data, entry));
    progress.report('reading', sets.length, entries.length);
  }
  return sets;
}

function resultTable({ sets, mean }: AnomalyEvaluation): string {
  const header = 'set detector VUS-PR VUS-ROC events found alarms per1000 delay precision recall F1 µs'.split(' ');
  const row = (set: string, detector: string, score: AnomalyResult) => {
    const { 'VUS-PR': pr, 'VUS-ROC': roc, events, eventsFound, alarms, alarmsPer1000, delay } = score;
    const { precision, recall, f1, microsecondsPerPoint } = score;
    return [
      set,
      detector,
      pr,
      roc,
      events,
      eventsFound,
      alarms,
      alarmsPer1000,
      delay,
      precision,
      recall,
      f1,
      microsecondsPerPoint,
    ];
  };
  const rows = Object.entries(sets).flatMap(([set, detectors]) =>
    Object.entries(detectors).map(([detector, score]) => row(set, detector, score)),
  );
  const means = Object.entries(mean).map(([detector, score]) => row('mean', detector, score));
  return formatTable(header, [...rows, ...means]);
}

function nabTable(title: string, nab: NonNullable<AnomalyEvaluation['nab']>): string {
  const rows = Object.entries(nab).map(([detector, scores]) => [
    detector,
    scores.standard,
    scores.reward_low_fp,
    scores.reward_low_fn,
  ]);
  return formatTable([title, 'standard', 'reward_low_fp', 'reward_low_fn'], rows);
}
