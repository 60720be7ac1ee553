/** Rows of equal length, one after the other: row-major, rows × channels. */
export interface BenchRows {
  readonly channels: number;
  readonly values: Float64Array;
}

const DAY_POINTS = 1_440;
/** Points from one disturbance to the next. */
const EVENT_EVERY = 1_000;

/** A noisy day of minutes for each channel, channels moving together, with a jump of all of them now and then. */
export function benchRows(rows: number, channels: number): BenchRows {
  const values = new Float64Array(rows * channels);
  let state = 1;
  const noise = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32 - 0.5;
  for (let row = 0; row < rows; row++) {
    const common = 20 + 5 * Math.sin((2 * Math.PI * row) / DAY_POINTS) + 2 * Math.sin((8 * Math.PI * row) / DAY_POINTS);
    const jump = row % EVENT_EVERY === EVENT_EVERY - 1 ? 6 : 0;
    for (let channel = 0; channel < channels; channel++) {
      values[row * channels + channel] = (1 + 0.3 * channel) * (common + 0.1 * noise() + jump);
    }
  }
  return { channels, values };
}
