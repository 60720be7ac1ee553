/** Functions of one value, by name. */
export const VALUE_FUNCTIONS: ReadonlyMap<string, (value: number) => number> = new Map<
  string,
  (value: number) => number
>([
  ['abs', Math.abs],
  ['ceil', Math.ceil],
  ['floor', Math.floor],
  ['exp', Math.exp],
  ['ln', Math.log],
  ['log2', Math.log2],
  ['log10', Math.log10],
  ['sqrt', Math.sqrt],
  ['sgn', Math.sign],
  ['sin', Math.sin],
  ['cos', Math.cos],
  ['tan', Math.tan],
  ['asin', Math.asin],
  ['acos', Math.acos],
  ['atan', Math.atan],
  ['sinh', Math.sinh],
  ['cosh', Math.cosh],
  ['tanh', Math.tanh],
  ['asinh', Math.asinh],
  ['acosh', Math.acosh],
  ['atanh', Math.atanh],
  ['deg', (value) => (value * 180) / Math.PI],
  ['rad', (value) => (value * Math.PI) / 180],
  ['minute', ofTime((time) => time.getUTCMinutes())],
  ['hour', ofTime((time) => time.getUTCHours())],
  ['day_of_week', ofTime((time) => time.getUTCDay())],
  ['day_of_month', ofTime((time) => time.getUTCDate())],
  ['day_of_year', ofTime((time) => daysBetween(Date.UTC(time.getUTCFullYear(), 0, 1), time) + 1)],
  [
    'days_in_month',
    ofTime((time) => new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + 1, 0)).getUTCDate()),
  ],
  ['month', ofTime((time) => time.getUTCMonth() + 1)],
  ['year', ofTime((time) => time.getUTCFullYear())],
]);

/** Seconds since the epoch come in, cut to whole ones. */
function ofTime(part: (time: Date) => number): (value: number) => number {
  return (value) => part(new Date(Math.trunc(value) * 1000));
}

function daysBetween(startMs: number, time: Date): number {
  return Math.floor((time.getTime() - startMs) / 86_400_000);
}

/** Functions of one value and one or two scalars; undefined: no result. */
export const SCALAR_FUNCTIONS: ReadonlyMap<
  string,
  (value: number, a: number | undefined, b: number | undefined) => number | undefined
> = new Map([
  ['round', (value: number, to = 1) => round(value, to)],
  ['clamp', (value: number, low = 0, high = 0) => (high < low ? undefined : larger(low, smaller(high, value)))],
  ['clamp_min', (value: number, low = 0) => larger(low, value)],
  ['clamp_max', (value: number, high = 0) => smaller(high, value)],
]);

/** To the nearest multiple, ties up. The inverse is multiplied by, which is exact for 0.1 and the like. */
function round(value: number, nearest: number): number {
  const inverse = 1 / nearest;
  return Math.floor(value * inverse + 0.5) / inverse;
}

/** Go's `math.Max`: infinity wins over NaN. */
function larger(a: number, b: number): number {
  return a === Infinity || b === Infinity ? Infinity : Math.max(a, b);
}

/** Go's `math.Min`. */
function smaller(a: number, b: number): number {
  return a === -Infinity || b === -Infinity ? -Infinity : Math.min(a, b);
}
