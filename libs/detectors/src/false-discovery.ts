const { exp, log, max, sqrt } = Math;

/** Makes the weights below sum to at most 1 (Javanmard & Montanari 2018, §4). */
const NORMALISER = 0.07720838;

/**
 * How much of a discovery's reward the j-th hypothesis after it gets: γ_j ∝ log(max(j, 2)) / (j·e^√log j), the weights of
 * LORD (Javanmard & Montanari 2018). They sum to at most 1 over all j ≥ 1.
 */
export function rewardWeight(j: number): number {
  return (NORMALISER * log(max(j, 2))) / (j * exp(sqrt(log(j))));
}

/** A hypothesis that was rejected: an alert that was given. */
export interface Discovery {
  /** Hypotheses since then, 1 or more. */
  readonly since: number;
  /** e^(−time since then / period): what is left of it. */
  readonly memory: number;
}

/**
 * The level that the next hypothesis is tested at: LORD (Javanmard & Montanari 2018; Ramdas et al. 2017) with a memory
 * that decays (Rebjock et al. 2021), so that a stream without an end neither runs out of level nor saves it up.
 *
 * With α_t = base_t + share·Σ_j memory_j·γ_{since_j} and base levels that sum to k over a period, the p-values of true null
 * hypotheses being valid given the past, the expected number of false discoveries (each fading as memory does) is at most
 * k + share × that of all discoveries: each α_t is the chance of a false one, and the weights of a discovery sum to 1.
 */
export function discoveryLevel(base: number, share: number, discoveries: Iterable<Discovery>): number {
  let earned = 0;
  for (const { since, memory } of discoveries) earned += memory * rewardWeight(since);
  return Math.min(1, base + share * earned);
}
