// node experiments/time-moe-50m/decode.mjs <models folder> [package], after `npm run build`.
//
// Loads a Time-MoE package as serving does and forecasts 96 steps: how long, how much processor time in the serving process
// and in those that hold sessions, and how much memory the largest of those takes. Intervals come from back-tests inside the context, which are decoded too and counted here.
import { readFileSync, readdirSync } from 'node:fs';
import { loadEnv } from '../../dist/libs/config/src/index.js';
import { ForecasterCatalogue } from '../../dist/libs/forecasters/src/index.js';
import { createLogger } from '../../dist/libs/observability/src/index.js';
import { Frequency } from '../../dist/libs/series/src/index.js';

const HORIZON = 96;
const REPEATS = 3;
const [folder, name = 'time-moe/random-50m'] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node experiments/time-moe-50m/decode.mjs <models folder> [package]');
  process.exit(2);
}

const loading = performance.now();
const env = loadEnv({ INFERENCE_TIMEOUT_SECONDS: '120', ...process.env, MODELS_DIR: folder });
const catalogue = await ForecasterCatalogue.load({ env, logger: createLogger('decode', 'warn') });
const forecaster = catalogue.resolve(name);
console.log(`loaded and proven in ${seconds(performance.now() - loading)}`);

const results = [];
for (const points of [96, 256, 512]) {
  const target = Float64Array.from(
    { length: points },
    (_, i) => Math.sin((2 * Math.PI * i) / 24) + 0.1 * Math.sin(i * i),
  );
  const window = {
    itemId: 'decode',
    channel: 'value',
    freq: Frequency.parse('PT1H'),
    timeZone: 'UTC',
    season: 24,
    cutoff: 0,
    target,
  };
  const times = [];
  const before = processorTimes();
  for (let i = 0; i < REPEATS; i++) {
    const started = performance.now();
    const [forecast] = await forecaster.forecast([window], HORIZON);
    times.push(performance.now() - started);
    if (![...forecast.mean].every(Number.isFinite)) throw new Error('a forecast is not finite');
  }
  const median = times.toSorted((a, b) => a - b)[Math.floor(REPEATS / 2)];
  const after = processorTimes();
  const [serving, workers] = after.map((time, i) => (time - before[i]) / REPEATS);
  results.push({
    contextPoints: points,
    horizon: HORIZON,
    milliseconds: Math.round(median),
    servingProcessorMs: Math.round(serving),
    workerProcessorMs: Math.round(workers),
  });
  console.log(
    `${points} points, ${HORIZON} steps: ${seconds(median)}; processor time ${seconds(serving)} serving, ${seconds(workers)} network`,
  );
}
const peak = Math.max(...childProcesses().map((pid) => peakMemory(pid)));
console.log(`peak memory of the process with the session: ${Math.round(peak / 2 ** 20)} MiB`);
await catalogue.close();
console.log(JSON.stringify({ model: name, forecasts: results, peakMemoryMiB: Math.round(peak / 2 ** 20) }));

function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** Milliseconds of processor time so far: of this process, and of its children together. */
function processorTimes() {
  const of = (pid) =>
    readdirSync(`/proc/${pid}/task`).reduce(
      (sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6,
      0,
    );
  return [of(process.pid), childProcesses().reduce((sum, pid) => sum + of(pid), 0)];
}

function childProcesses() {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => statusOf(pid).match(/^PPid:\s+(\d+)/m)?.[1] === String(process.pid));
}

function peakMemory(pid) {
  return Number(statusOf(pid).match(/^VmHWM:\s+(\d+) kB/m)?.[1] ?? 0) * 1024;
}

function statusOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}
