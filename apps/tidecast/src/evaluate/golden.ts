import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { InferenceWorker } from '@app/inference';
import { createLogger, messageOf } from '@app/observability';
import { z } from 'zod';

import { repositoryRoot } from '../repository-root.js';
import { ImportedPackage } from './golden/imported-package.js';
import { runScenario } from './golden/run-scenario.js';
import { compare, readScenarios } from './golden/scenarios.js';

const deviation = z.object({
  tensor: z.string(),
  error: z
    .number()
    .nullable()
    .transform((error) => error ?? Number.NaN),
  allowed: z.number(),
  passed: z.boolean(),
});
const checked = z.object({ name: z.string(), comparisons: z.array(deviation) });
/** A line of `forge golden`: a case as PyTorch saw it. */
const caseSchema = z.object({
  family: z.string(),
  case: z.string(),
  folder: z.string(),
  package: z.string(),
  scenarios: z.array(checked).optional(),
  error: z.string().optional(),
});

type GoldenCase = z.infer<typeof caseSchema>;
type CheckedScenario = z.infer<typeof checked>;

/** What became of a case: how near it came to its tolerance (1 is the tolerance itself), or what was wrong. */
interface Outcome {
  readonly name: string;
  readonly line: string;
  readonly passed: boolean;
}

/** Cases of the original code, imported by the forge, checked in PyTorch and through ONNX Runtime; a line a case. */
export async function checkGoldenCases(data: string): Promise<boolean> {
  const packages = mkdtempSync(join(tmpdir(), 'tidecast-golden-'));
  const worker = new InferenceWorker({ logger: createLogger('evaluate', 'warn') });
  const outcomes: Outcome[] = [];
  try {
    for await (const one of importCases(resolve(data), packages)) {
      const outcome = await checkCase(one, worker);
      outcomes.push(outcome);
      process.stdout.write(`${outcome.line}\n`);
      rmSync(one.package, { recursive: true, force: true });
    }
  } finally {
    await worker.close();
    rmSync(packages, { recursive: true, force: true });
  }
  const failed = outcomes.filter(({ passed }) => !passed).map(({ name }) => name);
  process.stdout.write(
    `${JSON.stringify({ cases: outcomes.length, passed: outcomes.length - failed.length, failed })}\n`,
  );
  return failed.length === 0;
}

/** The forge imports one case after the other; each line comes as soon as its package is there. */
async function* importCases(data: string, packages: string): AsyncGenerator<GoldenCase> {
  const script = join(repositoryRoot(), 'scripts/forge.mjs');
  const forge = spawn(process.execPath, [script, 'golden', '--data', data, '--out', packages], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((done, fail) => forge.once('close', done).once('error', fail));
  for await (const line of createInterface({ input: forge.stdout })) {
    if (line.startsWith('{')) yield caseSchema.parse(JSON.parse(line));
    else process.stderr.write(`${line}\n`);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`forge golden ended with code ${code ?? 'none: it was killed'}`);
}

async function checkCase(one: GoldenCase, worker: InferenceWorker): Promise<Outcome> {
  const name = `${one.family}/${one.case}`;
  if (one.error !== undefined) return { name, passed: false, line: `FAIL ${name}  ${one.error}` };
  try {
    const [python, node] = [summary(one.scenarios ?? []), summary(await checkInNode(one, worker))];
    const passed = python.passed && node.passed;
    const scenarios = `${one.scenarios?.length ?? 0} scenarios`;
    const line = `${passed ? 'ok  ' : 'FAIL'} ${name}  ${scenarios}  PyTorch ${python.text}  Node ${node.text}`;
    return { name, passed, line };
  } catch (error) {
    return { name, passed: false, line: `FAIL ${name}  Node: ${messageOf(error)}` };
  }
}

async function checkInNode(one: GoldenCase, worker: InferenceWorker): Promise<CheckedScenario[]> {
  const model = await ImportedPackage.open(worker, one.package);
  try {
    const results: CheckedScenario[] = [];
    for (const scenario of readScenarios(one.folder)) {
      results.push({ name: scenario.name, comparisons: compare(scenario, await runScenario(model, scenario)) });
    }
    return results;
  } finally {
    await model.close();
  }
}

/** The largest error as a share of what is allowed, or the first tensor that is too far off. */
function summary(scenarios: readonly CheckedScenario[]): { passed: boolean; text: string } {
  let worst = 0;
  for (const { name, comparisons } of scenarios) {
    for (const { tensor, error, allowed, passed } of comparisons) {
      const numbers = `${error.toPrecision(3)}, ${allowed.toPrecision(3)} allowed`;
      if (!passed) return { passed: false, text: `${name} ${tensor} is off by ${numbers}` };
      if (allowed > 0) worst = Math.max(worst, error / allowed);
    }
  }
  const passed = scenarios.length > 0;
  return { passed, text: passed ? `${(100 * worst).toFixed(1)} % of the tolerance` : 'no scenario' };
}
