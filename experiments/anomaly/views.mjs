// The views of a series that the default detector's voters were chosen from, each as the surprise of its rank.
import { Drift, HourlyLevel } from '../../dist/libs/detectors/src/level.js';
import { Neighbours } from '../../dist/libs/detectors/src/neighbours.js';
import { StreamingPca } from '../../dist/libs/detectors/src/streaming-pca.js';
import { Tail } from '../../dist/libs/detectors/src/tail.js';

const MEMORY = 6_400;
const WINDOW = 32;

/** Whether a view is a voter of the default detector. */
export const SHIPPED = {
  window8: false,
  window16: true,
  coarse4x4: false,
  coarse4x8: true,
  day: true,
  week: true,
  drift10: false,
  drift60: true,
  shape32: true,
};

/** Surprises of every view at every row of one series: a Float32Array a view. */
export function surprises({ times, channels: [values] }, seed = 140) {
  const window = new Float64Array(WINDOW);
  const last = (points) => window.subarray(WINDOW - points);
  const sample = { rank: 3, horizon: MEMORY };
  const neighbours = (width, capacity, at) => new Neighbours({ ...sample, width, capacity, seed: seed + at });
  const [window8, window16] = [neighbours(8, 512, 0), neighbours(16, 512, 0)];
  const [coarse4x4, coarse4x8] = [neighbours(4, 256, 6), neighbours(4, 256, 6)];
  const [day, week] = [new HourlyLevel(24, 0.01), new HourlyLevel(168, 0.05)];
  const [drift10, drift60] = [new Drift(10, 0.002), new Drift(60, 0.002)];
  const shape32 = new StreamingPca({ width: WINDOW, components: 4 });
  const views = {
    window8: () => window8.update(last(8)),
    window16: () => window16.update(last(16)),
    coarse4x4: () => coarse4x4.update(means(window, 4)),
    coarse4x8: () => coarse4x8.update(means(window, 8)),
    day: (ts, value) => day.update(ts, value),
    week: (ts, value) => week.update(ts, value),
    drift10: (_ts, value) => drift10.update(value),
    drift60: (_ts, value) => drift60.update(value),
    shape32: () => shape32.update(window),
  };
  const tails = Object.keys(views).map((_, i) => new Tail(MEMORY, seed + i));
  const found = Object.keys(views).map(() => new Float32Array(values.length));
  values.forEach((value, row) => {
    // A missing value is not shown.
    if (Number.isNaN(value)) return;
    if (row === 0) window.fill(value);
    else window.copyWithin(0, 1);
    window[WINDOW - 1] = value;
    Object.values(views).forEach((view, i) => (found[i][row] = tails[i].surprise(view(times[row], value))));
  });
  return found;
}

/** Four means, the newest first. */
function means(window, points) {
  return Float64Array.from({ length: 4 }, (_, k) => {
    const end = WINDOW - k * points;
    return window.subarray(end - points, end).reduce((sum, value) => sum + value, 0) / points;
  });
}
