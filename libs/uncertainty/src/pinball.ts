/** Pinball (quantile) loss of one quantile at a level: max(τ·(y − q), (τ − 1)·(y − q)). */
export function pinball(actual: number, quantile: number, level: number): number {
  const error = actual - quantile;
  return error >= 0 ? level * error : (level - 1) * error;
}
