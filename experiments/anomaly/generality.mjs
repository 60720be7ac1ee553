// node experiments/anomaly/generality.mjs <NAB folder>, after `npm run build`.
//
// Would the configuration hold on files that it was not chosen on? Three ways to fuse views of a series, three cool-downs,
// three habituations and every threshold are tried on one half of NAB's files; the best is scored on the other half, and
// the other way round. With all nine views at equal weight, with the six that are shipped, and with every subset of the
// nine to choose from as well, which is what overfits; and in ways that choose less.
//
// "Best" is the mean of the profiles standard and reward low FP: the product has one configuration for all its users. A
// threshold counts with the four beside it: a plateau, not a peak.
import { NAB_PROFILES, nabProbation } from '../../dist/libs/evaluation/src/index.js';
import { readNab } from '../../dist/apps/tidecast/src/evaluate/anomaly-data.js';
import { SHIPPED, surprises } from './views.mjs';

const VIEWS = Object.keys(SHIPPED);
const FUSIONS = [
  ['mean', 0],
  ['both', 0.5],
  ['loudest', 1],
];
const COOL_DOWNS = [80, 120, 160];
const HABITUATIONS = [0, 0.03, 0.065];
/** What is shipped: places in the three lists above. */
const SHIPPED_LEVELS = [1, 1, 2];
const HABIT_POINTS = 3_000;
const THRESHOLDS = Array.from({ length: 19 }, (_, i) => 0.46 + i * 0.02);
const LEVELS = [FUSIONS.length, COOL_DOWNS.length, HABITUATIONS.length];
const PER_SUBSET = LEVELS.reduce((product, levels) => product * levels, 1);
const PROFILES = ['standard', 'reward_low_fp'];
const RANDOM_HALVES = Number(process.argv[3] ?? 20);

const say = (text) => process.stderr.write(`\r${text}   `);
const sets = await readNab(process.argv[2] ?? '.', (done, total) => say(`reading ${done} of ${total}`));
const files = sets.map((set, i) => {
  say(`viewing ${i + 1} of ${sets.length}`);
  const rows = set.rows.times.length;
  const share = Float32Array.from({ length: rows }, (_, row) => 1 / Math.log10(Math.max(300, Math.min(row, 6400)) + 1));
  return {
    name: set.name,
    group: set.name.split('/')[0],
    rows,
    share,
    votes: surprises(set.rows),
    windows: set.windows,
    ...worths(set),
  };
});
const everyFile = files.map((_, i) => i);
const structures = (2 ** VIEWS.length - 1) * PER_SUBSET;
/** By profile: raw NAB score of each structure, threshold and file. */
const raw = PROFILES.map(() => new Float32Array(structures * THRESHOLDS.length * files.length));
files.forEach((file, f) => {
  say(`scoring ${f + 1} of ${files.length}`);
  for (let bits = 1; bits < 2 ** VIEWS.length; bits++) fillRaw(file, f, bits);
});
say('');
process.stderr.write('\n');

const everySubset = Array.from({ length: 2 ** VIEWS.length - 1 }, (_, i) => i + 1);
const shipped = VIEWS.reduce((bits, view, v) => (SHIPPED[view] ? bits | (1 << v) : bits), 0);
const nine = 2 ** VIEWS.length - 1;
/** Structures over a subset of the views: all of them, or the one that has the shipped fusion, cool-down and habituation. */
const all = (bits) => Array.from({ length: PER_SUBSET }, (_, i) => (bits - 1) * PER_SUBSET + i);
const alone = (bits) => [structureOf(bits, SHIPPED_LEVELS)];
report('all nine views', bestOf(all(nine)));
report('all nine views, the threshold alone', bestOf(alone(nine)));
report('the six that are shipped', bestOf(all(shipped)));
report('the six that are shipped, the threshold alone', bestOf(alone(shipped)));
report('every subset to choose from', bestOf(everySubset.flatMap(all)));
report('every subset to choose from, and the threshold alone', bestOf(everySubset.flatMap(alone)));
report('the mean of the best twentieth of the subsets, and its threshold', meanOfBest);

/**
 * Prints what a way of choosing gives. It takes the files to choose on, and returns what was chosen as a function from
 * profile and files to a score, with its description.
 */
function report(title, chooseOn) {
  const chosen = chooseOn(everyFile);
  const scores = (values) => PROFILES.map((profile, p) => `${profile} ${values[p].toFixed(1)}`).join(', ');
  const alternate = bothWays(
    everyFile.map((i) => i % 2),
    chooseOn,
  );
  const halves = Array.from({ length: RANDOM_HALVES }, (_, seed) => bothWays(randomHalves(seed + 1), chooseOn));
  const mean = PROFILES.map((_, p) => halves.reduce((sum, half) => sum + half[p], 0) / halves.length);
  console.log(
    `${title}\n  chosen on all files: ${scores(PROFILES.map((_, p) => chosen.score(p, everyFile)))}: ${chosen.what}`,
  );
  console.log(`  on files that it was not chosen on, every other file: ${scores(alternate)}`);
  console.log(`  the same, mean of ${halves.length} random halves of each group: ${scores(mean)}`);
}

/** What a detection at each row is worth in the standard profile (false ones unweighted), and the window it is in. */
function worths({ rows, windows }) {
  const count = rows.times.length;
  const worth = new Float32Array(count);
  const inside = new Int16Array(count).fill(-1);
  const first = nabProbation(count);
  const sigmoid = (position) => (position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1);
  for (let row = 0; row < count; row++) {
    const window = windows.findIndex(([from, to]) => row >= from && row <= to);
    const before = windows.filter(([, to]) => to < row).at(-1);
    inside[row] = window;
    if (window >= 0)
      worth[row] =
        sigmoid(-(windows[window][1] - row + 1) / (windows[window][1] - windows[window][0] + 1)) / sigmoid(-1);
    else worth[row] = before ? sigmoid((row - before[1]) / (before[1] - before[0])) : -1;
  }
  return { worth, inside, first };
}

/** The raw scores of one subset of views in one file. */
function fillRaw(file, f, bits) {
  FUSIONS.forEach(([, weight], fusion) => {
    const loud = [];
    const strangeness = [];
    fuse(file, bits, weight).forEach((fused, row) => {
      if (fused <= THRESHOLDS[0]) return;
      loud.push(row);
      strangeness.push(fused);
    });
    COOL_DOWNS.forEach((coolDown, c) =>
      HABITUATIONS.forEach((step, h) => {
        const structure = structureOf(bits, [fusion, c, h]);
        THRESHOLDS.forEach((threshold, t) => {
          const totals = rawScores(file, loud, strangeness, { coolDown, step, threshold });
          totals.forEach((total, p) => (raw[p][(structure * THRESHOLDS.length + t) * files.length + f] = total));
        });
      }),
    );
  });
}

/** The strangeness of each row by a subset of the views. */
function fuse({ rows, share, votes }, bits, weight) {
  const chosen = votes.filter((_, v) => (bits >> v) & 1);
  const means = new Float32Array(rows);
  const loudest = new Float32Array(rows);
  for (const vote of chosen) {
    for (let row = 0; row < rows; row++) {
      means[row] += vote[row] / chosen.length;
      if (vote[row] > loudest[row]) loudest[row] = vote[row];
    }
  }
  return means.map((mean, row) => (mean + weight * (loudest[row] - mean)) * share[row]);
}

/** NAB's raw score of a file, by profile. */
function rawScores({ windows, worth, inside, first }, loud, strangeness, { coolDown, step, threshold }) {
  const found = windows.map(() => -1);
  let [wrong, last, raised] = [0, Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i < loud.length; i++) {
    const row = loud[i];
    if (strangeness[i] <= threshold || row - last < coolDown) continue;
    const left = raised === 0 ? 0 : raised * (1 - 1 / HABIT_POINTS) ** (row - last);
    if (strangeness[i] <= threshold * (1 + left)) continue;
    raised = left + step;
    last = row;
    if (row < first) continue;
    if (inside[row] < 0) wrong += worth[row];
    else found[inside[row]] = Math.max(found[inside[row]], worth[row]);
  }
  const right = found.reduce((sum, value) => sum + value, 0);
  return PROFILES.map((profile) => right + NAB_PROFILES[profile].fp * wrong);
}

function structureOf(bits, levels) {
  return (bits - 1) * PER_SUBSET + levels.reduce((at, level, i) => at * LEVELS[i] + level, 0);
}

function partsOf(structure) {
  const within = structure % PER_SUBSET;
  const [, cools, habits] = LEVELS;
  return {
    bits: Math.floor(structure / PER_SUBSET) + 1,
    levels: [Math.floor(within / (cools * habits)), Math.floor(within / habits) % cools, within % habits],
  };
}

function describe({ structure, t }) {
  const { bits, levels } = partsOf(structure);
  const views = VIEWS.filter((_, v) => (bits >> v) & 1).join(' + ');
  const [fusion, coolDown, habit] = [FUSIONS[levels[0]][0], COOL_DOWNS[levels[1]], HABITUATIONS[levels[2]]];
  return `${views}, ${fusion}, cool-down ${coolDown}, habituation ${habit}, threshold ${THRESHOLDS[t].toFixed(2)}`;
}

/** NAB's score of a configuration over some files. Both profiles have tp = fn = 1. */
function scoreOf(p, { structure, t }, indices) {
  const start = (structure * THRESHOLDS.length + t) * files.length;
  return nabScore(
    indices.map((f) => raw[p][start + f]),
    indices,
  );
}

function nabScore(totals, indices) {
  let [total, windows] = [0, 0];
  indices.forEach((f, i) => {
    total += totals[i];
    windows += files[f].windows.length;
  });
  return (100 * (total + windows)) / (2 * windows);
}

/** Chooses the best of some structures with its threshold. */
function bestOf(candidates) {
  return (indices) => {
    const { structure, t } = choose(indices, candidates);
    return { score: (p, files) => scoreOf(p, { structure, t }, files), what: describe({ structure, t }) };
  };
}

function choose(indices, candidates) {
  let chosen = { mean: Number.NEGATIVE_INFINITY };
  for (const structure of candidates) {
    const { t, mean } = bestThreshold(
      THRESHOLDS.map((_, t) => scoreOf(0, { structure, t }, indices) + scoreOf(1, { structure, t }, indices)),
    );
    if (mean > chosen.mean) chosen = { structure, t, mean };
  }
  return chosen;
}

/** Where the mean with two thresholds on either side is highest. */
function bestThreshold(scores) {
  let best = { mean: Number.NEGATIVE_INFINITY };
  scores.forEach((_, t) => {
    const around = scores.slice(Math.max(0, t - 2), t + 3);
    const mean = around.reduce((sum, score) => sum + score, 0) / around.length;
    if (mean > best.mean) best = { t, mean };
  });
  return best;
}

/**
 * Chooses not one subset of the views but the mean of the strangeness of the best twentieth of them, with its threshold:
 * what is best by chance on the files that it was chosen on is held down by the others.
 */
function meanOfBest(indices) {
  const ranked = everySubset
    .map((bits) => [choose(indices, alone(bits)).mean, bits])
    .toSorted(([a], [b]) => b - a)
    .slice(0, Math.ceil(everySubset.length / 20))
    .map(([, bits]) => bits);
  const [fusion, coolDown, habit] = SHIPPED_LEVELS;
  const options = { coolDown: COOL_DOWNS[coolDown], step: HABITUATIONS[habit] };
  // By file, threshold and profile.
  const totals = files.map((file) => {
    const strangeness = new Float32Array(file.rows);
    for (const bits of ranked) {
      fuse(file, bits, FUSIONS[fusion][1]).forEach((value, row) => (strangeness[row] += value / ranked.length));
    }
    const loud = Array.from(strangeness.keys()).filter((row) => strangeness[row] > THRESHOLDS[0]);
    const values = loud.map((row) => strangeness[row]);
    return THRESHOLDS.map((threshold) => rawScores(file, loud, values, { ...options, threshold }));
  });
  const score = (t) => (p, chosen) =>
    nabScore(
      chosen.map((f) => totals[f][t][p]),
      chosen,
    );
  const { t } = bestThreshold(THRESHOLDS.map((_, t) => score(t)(0, indices) + score(t)(1, indices)));
  const share = (v) => Math.round((100 * ranked.filter((bits) => (bits >> v) & 1).length) / ranked.length);
  const what = `${VIEWS.map((view, v) => `${view} in ${share(v)} %`).join(', ')}, threshold ${THRESHOLDS[t].toFixed(2)}`;
  return { score: score(t), what };
}

/** Chosen on each half and scored on the other, by profile; weighed by windows, as NAB's total is. */
function bothWays(half, chooseOn) {
  const total = PROFILES.map(() => 0);
  for (const side of [0, 1]) {
    const chosen = chooseOn(everyFile.filter((f) => half[f] === side));
    const scoredOn = everyFile.filter((f) => half[f] !== side);
    const windows = (indices) => indices.reduce((sum, f) => sum + files[f].windows.length, 0);
    PROFILES.forEach((_, p) => (total[p] += (chosen.score(p, scoredOn) * windows(scoredOn)) / windows(everyFile)));
  }
  return total;
}

/** A random half of the files of each group, by a small seeded generator. */
function randomHalves(seed) {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  for (let i = 0; i < 10; i++) next();
  const half = everyFile.map(() => 0);
  for (const group of new Set(files.map((file) => file.group))) {
    const shuffled = everyFile
      .filter((f) => files[f].group === group)
      .map((f) => [next(), f])
      .sort(([a], [b]) => a - b);
    // Which side gets the odd one is random too.
    const odd = next() < 0.5 ? 0 : 1;
    shuffled.forEach(([, f], i) => (half[f] = (i + odd) % 2));
  }
  return half;
}
