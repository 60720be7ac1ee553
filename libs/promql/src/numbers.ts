/**
 * A sum that keeps what rounding takes away: Neumaier's variant of Kahan's algorithm, as Prometheus sums. `sum` and
 * `rest` belong together; their sum is the exact one as nearly as a double can say.
 */
export class CarefulSum {
  sum = 0;
  rest = 0;

  add(value: number): void {
    const next = this.sum + value;
    this.rest += Math.abs(this.sum) >= Math.abs(value) ? this.sum - next + value : value - next + this.sum;
    this.sum = next;
  }

  get total(): number {
    return Number.isFinite(this.sum) || Number.isNaN(this.sum) ? this.sum + this.rest : this.sum;
  }
}

/** The mean by small steps, which does not overflow, as Prometheus takes it over a range. */
export class CarefulMean {
  readonly #mean = new CarefulSum();
  #count = 0;

  add(value: number): void {
    this.#count++;
    if (staysInfinite(this.#mean.sum, value)) return;
    this.#mean.add(value / this.#count - this.#mean.sum / this.#count);
  }

  get mean(): number {
    return this.#mean.total;
  }
}

/** Whether a mean that is infinite stays so when the value comes in: another infinity of its sign, or a finite value. */
export function staysInfinite(mean: number, value: number): boolean {
  return Math.abs(mean) === Infinity && !Number.isNaN(value) && (Number.isFinite(value) || mean > 0 === value > 0);
}

/** The mean squared distance from the mean, by Welford's algorithm with careful sums. */
export class CarefulVariance {
  readonly #mean = new CarefulSum();
  readonly #squares = new CarefulSum();
  #count = 0;

  add(value: number): void {
    this.#count++;
    const delta = value - (this.#mean.sum + this.#mean.rest);
    this.#mean.add(delta / this.#count);
    this.#squares.add(delta * (value - (this.#mean.sum + this.#mean.rest)));
  }

  get variance(): number {
    return (this.#squares.sum + this.#squares.rest) / this.#count;
  }
}

/** The quantile of values in any order, between neighbours linearly; NaN sorts first; ±Infinity for a level outside 0 to 1. */
export function quantileOf(level: number, values: ArrayLike<number>): number {
  if (values.length === 0 || Number.isNaN(level)) return Number.NaN;
  if (level < 0) return Number.NEGATIVE_INFINITY;
  if (level > 1) return Number.POSITIVE_INFINITY;
  const sorted = Array.from(values).sort(ascending);
  const rank = level * (sorted.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(sorted.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return sorted[lower]! * (1 - weight) + sorted[upper]! * weight;
}

/** NaN before all numbers. */
function ascending(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  return Number.isNaN(b) ? 1 : a - b;
}

/** Go's `math.Pow`, which differs from ours where the base is ±1. */
export function power(base: number, exponent: number): number {
  if (base === 1 || (base === -1 && Math.abs(exponent) === Infinity)) return 1;
  return base ** exponent;
}

/** A value as Prometheus writes it into JSON. */
export function formatValue(value: number): string {
  if (value === Infinity) return '+Inf';
  if (Object.is(value, -0)) return '-0';
  return value === -Infinity ? '-Inf' : String(value);
}
