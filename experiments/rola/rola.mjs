// node experiments/rola/rola.mjs [seeds], after `npm run build`.
//
// Nine channels that move together; events hit all of them, as many glitches hit one. RoLA is to report the events, the
// glitches are to be outvoted. Right is what is reported within seven rows of an event (the rule of the papers).
import { Rola, rolaDefaults } from '../../dist/libs/detectors/src/index.js';
import { ship } from '../../dist/libs/detectors/src/fixtures/ship.js';

const ROWS = 6_000;
const TOLERANCE = 7;
const SEEDS = Number(process.argv[2] ?? 5);
const STEP_MS = 60_000;

const DEFAULTS = rolaDefaults(9);
const repad2 = (options) => ({ repad2: { ...DEFAULTS.repad2, ...options } });
const READINGS = {
  'rola, as shipped': {},
  'union of the single detectors': { vote: false },
  'a second AARE is appended': repad2({ legacyDoublePush: true }),
  'places as inputs': repad2({ inputs: 'positions' }),
  'learning rate .15': repad2({ learningRate: 0.15 }),
  'W 8064': repad2({ window: 8064 }),
  'correlations before the row': { correlateCurrent: false },
  'lonely channels reported': { isolated: 'report-unconfirmed' },
};

/** What the readings differ on, and two harder ones for the shipped one and the union. */
const SERIES = [
  { title: '', series: {} },
  { title: ', a sixth of the size', series: { size: 1 } },
  { title: ', a sixth of the size in ten times the noise', series: { size: 1, noise: 0.2 } },
];
const runs = SERIES.flatMap(({ title, series }, level) =>
  Object.entries(READINGS)
    .slice(0, level === 0 ? undefined : 2)
    .map(([name, options]) => ({ name: name + title, options, ...series })),
);

const near = (t, rows) => rows.some((row) => Math.abs(t - row) <= TOLERANCE);
const results = {};
for (const { name, options, size, noise } of runs) {
  const sum = { recall: 0, precision: 0, falseAlarms: 0, glitchesReported: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    process.stderr.write(`\r${name}, seed ${seed} of ${SEEDS}   `);
    const { values, events, glitches } = ship(seed, ROWS, size, noise);
    const rola = new Rola({ ...DEFAULTS, repad2: { ...DEFAULTS.repad2, seed }, ...options });
    const fired = values.flatMap((row, t) => (rola.observe(t * STEP_MS, row).score > 1 ? [t] : []));
    const wrong = fired.filter((t) => !near(t, events));
    sum.recall += events.filter((event) => near(event, fired)).length / events.length / SEEDS;
    sum.precision += (1 - wrong.length / Math.max(1, fired.length)) / SEEDS;
    sum.falseAlarms += wrong.length / SEEDS;
    sum.glitchesReported += glitches.filter((glitch) => near(glitch, fired)).length / glitches.length / SEEDS;
  }
  results[name] = sum;
}
process.stderr.write('\n');
const two = (value) => value.toFixed(2);
for (const [name, { recall, precision, falseAlarms, glitchesReported }] of Object.entries(results)) {
  console.log(
    `${name}: recall ${two(recall)}, precision ${two(precision)}, false alarms ${falseAlarms.toFixed(1)} a series, glitches reported ${two(glitchesReported)}`,
  );
}
console.log(JSON.stringify(results));
