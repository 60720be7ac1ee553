/**
 * The newest scores of one pair of levels, in ascending order, each weighted by its age. Holds `capacity` of them; when
 * full the oldest gives way.
 */
export class RecentScores {
  readonly #values: Float64Array;
  /** When each score of `#values` came. */
  readonly #born: Float64Array;
  /** The forecast that each score of `#values` is of. */
  readonly #origins: Float64Array;
  /** Weight of a score by its age: 1 for the newest. */
  readonly #weights: Float64Array;
  #count = 0;
  #now = 0;

  /** @param halfLife scores after which one counts half. */
  constructor(
    private readonly capacity: number,
    halfLife: number,
  ) {
    this.#values = new Float64Array(capacity + 1);
    this.#born = new Float64Array(capacity + 1);
    this.#origins = new Float64Array(capacity + 1);
    this.#weights = Float64Array.from({ length: capacity }, (_, age) => 2 ** (-age / halfLife));
  }

  get count(): number {
    return this.#count;
  }

  /** The largest score; −Infinity without any. */
  get largest(): number {
    return this.#count === 0 ? Number.NEGATIVE_INFINITY : this.#values[this.#count - 1]!;
  }

  /** @param origin number of the forecast that the score is of; one of its own when absent. */
  add(score: number, origin = -1 - this.#now): void {
    let at = this.#count;
    for (; at > 0 && this.#values[at - 1]! > score; at--) {
      this.#values[at] = this.#values[at - 1]!;
      this.#born[at] = this.#born[at - 1]!;
      this.#origins[at] = this.#origins[at - 1]!;
    }
    this.#values[at] = score;
    this.#born[at] = ++this.#now;
    this.#origins[at] = origin;
    this.#count++;
    if (this.#count > this.capacity) this.#remove(this.#born.indexOf(this.#now - this.capacity));
  }

  /**
   * The smallest score that at least a share of `coverage` of the weight does not exceed, where the score that is still
   * to come counts as one more of weight 1 and may be anything (weighted split conformal; Barber et al. 2023, eq. 6).
   * With equal weights that is the ⌈(n + 1)·coverage⌉-th smallest. +Infinity where the scores can't vouch for so much.
   */
  conformalQuantile(coverage: number): number {
    let total = 1;
    for (let age = 0; age < this.#count; age++) total += this.#weights[age]!;
    // A share like 0.95 of 20 must not miss its score by a rounding error.
    const wanted = coverage * total - 1e-9;
    let reached = 0;
    for (let i = 0; i < this.#count; i++) {
      reached += this.#weights[this.#now - this.#born[i]!]!;
      if (reached >= wanted) return this.#values[i]!;
    }
    return Number.POSITIVE_INFINITY;
  }

  /**
   * Share of the weight of scores that do not exceed `score`, and of how many independent ones it is as sure: the steps
   * of one forecast miss together, so all of them count as one (Kish's effective size, of clusters).
   */
  shareUpTo(score: number): { readonly share: number; readonly count: number } {
    const clusters = new Map<number, number>();
    let [total, below] = [0, 0];
    for (let i = 0; i < this.#count; i++) {
      const weight = this.#weights[this.#now - this.#born[i]!]!;
      total += weight;
      if (this.#values[i]! <= score) below += weight;
      clusters.set(this.#origins[i]!, (clusters.get(this.#origins[i]!) ?? 0) + weight);
    }
    const squares = [...clusters.values()].reduce((sum, weight) => sum + weight ** 2, 0);
    return { share: below / total, count: total ** 2 / squares };
  }

  #remove(index: number): void {
    this.#values.copyWithin(index, index + 1, this.#count);
    this.#born.copyWithin(index, index + 1, this.#count);
    this.#origins.copyWithin(index, index + 1, this.#count);
    this.#count--;
  }
}
