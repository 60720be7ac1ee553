import { normalQuantile } from '@app/series';

/**
 * Quantile of Student's t distribution: exact for 1 and 2 degrees of freedom, otherwise G. W. Hill's expansion
 * (Algorithm 396, CACM 1970), good to six digits for the levels that are forecast.
 *
 * @param level in (0, 1).
 * @param dof degrees of freedom, at least 1.
 */
export function studentQuantile(level: number, dof: number): number {
  if (level === 0.5) return 0;
  if (level > 0.5) return -studentQuantile(1 - level, dof);
  if (dof === 1) return Math.tan(Math.PI * (level - 0.5));
  if (dof === 2) return (2 * level - 1) / Math.sqrt(2 * level * (1 - level));

  const a = 1 / (dof - 0.5);
  const b = 48 / a ** 2;
  let c = (((20_700 * a) / b - 98) * a - 16) * a + 96.36;
  const d = ((94.5 / (b + c) - 3) / b + 1) * Math.sqrt((a * Math.PI) / 2) * dof;
  let y = (d * 2 * level) ** (2 / dof);
  if (y > 0.05 + a) {
    const x = normalQuantile(level);
    y = x * x;
    if (dof < 5) c += 0.3 * (dof - 4.5) * (x + 0.6);
    c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b;
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x;
    y = Math.expm1(a * y * y);
  } else {
    y =
      ((1 / (((dof + 6) / (dof * y) - 0.089 * d - 0.822) * (dof + 2) * 3) + 0.5 / (dof + 4)) * y - 1) *
        ((dof + 1) / (dof + 2)) +
      1 / y;
  }
  return -Math.sqrt(dof * y);
}
