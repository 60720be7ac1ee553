/** A covariance estimate, and how far it was drawn to its diagonal. */
export interface ShrunkCovariance {
  /** Size × size, row-major; positive definite. */
  readonly covariance: Float64Array;
  /** 0: the sample covariance; 1: its diagonal. */
  readonly shrinkage: number;
}

/** Errors that add up exactly have a singular sample covariance: a trace of the diagonal is always mixed in. */
const LEAST_SHRINKAGE = 1e-3;
/** Variance below this share of the largest counts as this much: a series that never erred is not beyond doubt. */
const LEAST_VARIANCE = 1e-9;

/**
 * The covariance of forecast errors about zero, its correlations shrunk to none by the intensity of Schäfer and Strimmer
 * (2005), as Wickramasuriya, Athanasopoulos and Hyndman (2019) use it for MinT.
 *
 * @param errors one array a series, all of one length: times at which every one of them is known. With fewer than two
 * times nothing is known of correlations, and with none the variances count as alike.
 */
export function shrunkCovariance(errors: readonly Float64Array[]): ShrunkCovariance {
  const size = errors.length;
  const count = errors[0]?.length ?? 0;
  const variances = errors.map((own) => own.reduce((sum, error) => sum + error * error, 0) / Math.max(1, count));
  const largest = Math.max(...variances);
  const deviations = variances.map((variance) =>
    largest > 0 ? Math.sqrt(Math.max(variance, LEAST_VARIANCE * largest)) : 1,
  );
  const standardised = errors.map((own, i) => own.map((error) => error / deviations[i]!));
  const { correlations, shrinkage } = shrunkCorrelations(standardised, count);
  const covariance = correlations.map((value, i) => value * deviations[Math.floor(i / size)]! * deviations[i % size]!);
  return { covariance, shrinkage };
}

/** Correlations of rows with mean square 1, off the diagonal times 1 − λ with λ = Σ Var(r) / Σ r². */
function shrunkCorrelations(rows: readonly Float64Array[], count: number) {
  const size = rows.length;
  const correlations = new Float64Array(size * size);
  let [variance, square] = [0, 0];
  for (let i = 0; i < size; i++) {
    correlations[i * size + i] = 1;
    for (let j = 0; j < i; j++) {
      let [products, squares] = [0, 0];
      for (let t = 0; t < count; t++) {
        const product = rows[i]![t]! * rows[j]![t]!;
        products += product;
        squares += product * product;
      }
      const correlation = count === 0 ? 0 : products / count;
      correlations[i * size + j] = correlation;
      square += correlation * correlation;
      variance += (squares - products * correlation) / (count * (count - 1));
    }
  }
  const estimate = count < 2 || square === 0 ? 1 : variance / square;
  const shrinkage = Math.min(1, Math.max(LEAST_SHRINKAGE, estimate));
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      correlations[i * size + j]! *= 1 - shrinkage;
      correlations[j * size + i] = correlations[i * size + j]!;
    }
  }
  return { correlations, shrinkage };
}
