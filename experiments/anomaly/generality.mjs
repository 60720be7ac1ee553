// node experiments/anomaly/generality.mjs <NAB folder>, after `npm run build`.
//
// Would the configuration hold on files that it was not chosen on? Every subset of the default detector's voters, three
// ways to fuse them, three cool-downs and every threshold are tried on one half of NAB's files; the best is scored on the
// other half, and the other way round.
import { NAB_PROFILES, nabProbation, nabScoreAt } from '../../dist/libs/evaluation/src/index.js';
import { createDetector } from '../../dist/libs/detectors/src/index.js';
import { readNab } from '../../dist/apps/tidecast/src/evaluate/anomaly-data.js';

const FUSIONS = {
  mean: (sum, most, count) => sum / count,
  max: (_sum, most) => most,
  both: (sum, most, count) => (sum / count + most) / 2,
};
const COOL_DOWNS = [80, 120, 160];
const THRESHOLDS = Array.from({ length: 61 }, (_, i) => 1.2 + i * 0.05);

const sets = await readNab(process.argv[2] ?? '.', () => {});
const files = sets.map(votesOf);
const voters = files[0].names;
const halves = [0, 1].map((half) => files.filter((_, i) => i % 2 === half));
const windows = (half) => half.reduce((sum, file) => sum + file.windows.length, 0);

for (const profile of ['standard', 'reward_low_fp']) {
  const weights = NAB_PROFILES[profile];
  let total = 0;
  for (const [chosenOn, scoredOn] of [halves, [...halves].reverse()]) {
    const chosen = best(chosenOn, weights);
    const score = scoreOf(scoredOn, chosen, weights);
    total += score * windows(scoredOn);
    const { subset, fusion, coolDown, threshold } = chosen;
    console.log(
      `${profile}: ${subset.map((v) => voters[v]).join('+')}, ${fusion}, cool-down ${coolDown}, threshold ${threshold.toFixed(2)}: ` +
        `${chosen.score.toFixed(1)} where chosen, ${score.toFixed(1)} on the other half`,
    );
  }
  console.log(`${profile}: ${(total / windows(files)).toFixed(1)} on files that it was not chosen on`);
}

/** The voters' surprise at each row of a file. */
function votesOf(set) {
  const detector = createDetector('default', 1);
  const rows = set.rows.times.length;
  const names = [];
  const votes = [];
  const value = new Float64Array(1);
  for (let row = 0; row < rows; row++) {
    value[0] = set.rows.channels[0][row];
    for (const [name, vote] of Object.entries(detector.observe(set.rows.times[row], value).votes)) {
      if (!names.includes(name)) votes[names.push(name) - 1] = new Float32Array(rows);
      votes[names.indexOf(name)][row] = vote;
    }
  }
  return { names, votes, rows, windows: set.windows };
}

/** The best configuration of a half. */
function best(half, weights) {
  let chosen = { score: Number.NEGATIVE_INFINITY };
  for (let bits = 1; bits < 2 ** voters.length; bits++) {
    const subset = voters.map((_, v) => v).filter((v) => (bits >> v) & 1);
    for (const fusion of Object.keys(FUSIONS)) {
      const loud = half.map((file) => loudRows(file, subset, fusion));
      for (const coolDown of COOL_DOWNS) {
        for (const threshold of THRESHOLDS) {
          const score = quickScore(half, loud, coolDown, threshold, weights);
          if (score > chosen.score) chosen = { subset, fusion, coolDown, threshold, score };
        }
      }
    }
  }
  return chosen;
}

/** Rows that reach the least threshold, and their fused surprise. */
function loudRows(file, subset, fusion) {
  const fuse = FUSIONS[fusion];
  const loud = [];
  for (let row = 0; row < file.rows; row++) {
    let [sum, most] = [0, 0];
    for (const v of subset) {
      const vote = file.votes[v][row];
      sum += vote;
      if (vote > most) most = vote;
    }
    const surprise = fuse(sum, most, subset.length);
    if (surprise > THRESHOLDS[0]) loud.push([row, surprise]);
  }
  return loud;
}

function alarmsOf(loud, coolDown, threshold) {
  const alarms = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const [row, surprise] of loud) {
    if (surprise <= threshold || row - last < coolDown) continue;
    alarms.push(row);
    last = row;
  }
  return alarms;
}

/** NAB's score of alarms, each looked up in what a detection at its row is worth. */
function quickScore(half, loud, coolDown, threshold, { tp, fn, fp }) {
  let raw = 0;
  half.forEach((file, f) => {
    const found = file.windows.map(() => -fn);
    for (const row of alarmsOf(loud[f], coolDown, threshold)) {
      if (row < nabProbation(file.rows)) continue;
      const inside = file.windows.findIndex(([first, last]) => row >= first && row <= last);
      if (inside >= 0) {
        const [first, last] = file.windows[inside];
        const worth = (tp * sigmoid(-(last - row + 1) / (last - first + 1))) / sigmoid(-1);
        found[inside] = Math.max(found[inside], worth);
      } else {
        const before = file.windows.filter(([, last]) => last < row).at(-1);
        raw += fp * (before ? sigmoid((row - before[1]) / (before[1] - before[0])) : -1);
      }
    }
    for (const worth of found) raw += worth;
  });
  const count = windows(half);
  return (100 * (raw + fn * count)) / (tp * count + fn * count);
}

function sigmoid(position) {
  return position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1;
}

/** The same by the scorer of libs/evaluation. */
function scoreOf(half, { subset, fusion, coolDown, threshold }, weights) {
  const series = half.map((file) => {
    const scores = new Float64Array(file.rows);
    for (const row of alarmsOf(loudRows(file, subset, fusion), coolDown, threshold)) scores[row] = 1;
    return { scores, windows: file.windows };
  });
  return nabScoreAt(series, weights, 0.5).score;
}
