import type { AnomalyRows } from './anomaly-data.js';

/** Sweeps of Jacobi's method; 38 channels need about eight. */
const SWEEPS = 30;

/**
 * What streaming detectors are measured against: PCA fitted offline on the whole training part, the score of TSB-AD's
 * "PCA" (PyOD's decision function): Σ over components ‖z − e‖ / explained share, z the standardised row.
 * (The sign of a direction e is arbitrary there too, and matters little: a row worth noticing is long.)
 * It sees all training rows at once, and has no threshold of its own.
 */
export class OfflinePca {
  private readonly mean: Float64Array;
  private readonly deviation: Float64Array;
  private readonly components: { share: number; direction: Float64Array }[];

  constructor({ channels, times }: AnomalyRows) {
    const rows = times.length;
    this.mean = Float64Array.from(channels, (values) => values.reduce((sum, value) => sum + value, 0) / rows);
    this.deviation = Float64Array.from(channels, (values, i) => {
      const squares = values.reduce((sum, value) => sum + (value - this.mean[i]!) ** 2, 0);
      return Math.sqrt(squares / rows) || 1;
    });
    const scaled = channels.map((values, i) => values.map((value) => (value - this.mean[i]!) / this.deviation[i]!));
    const covariance = scaled.map((a) =>
      Float64Array.from(scaled, (b) => a.reduce((sum, value, row) => sum + value * b[row]!, 0) / rows),
    );
    const { values, vectors } = eigen(covariance);
    const total = values.reduce((sum, value) => sum + value, 0);
    this.components = Array.from(values)
      .map((value, k) => ({ share: value / total, direction: Float64Array.from(vectors, (row) => row[k]!) }))
      .filter(({ share }) => share > 1e-12);
  }

  score(values: Float64Array): number {
    const row = values.map((value, i) => (value - this.mean[i]!) / this.deviation[i]!);
    const square = row.reduce((sum, value) => sum + value * value, 0);
    return this.components.reduce((sum, { share, direction }) => {
      const along = direction.reduce((dot, value, i) => dot + value * row[i]!, 0);
      return sum + Math.sqrt(Math.max(0, square + 1 - 2 * along)) / share;
    }, 0);
  }
}

/** Eigenvalues and eigenvectors (by column) of a symmetric matrix by Jacobi's cyclic rotations. */
export function eigen(symmetric: readonly Float64Array[]): { values: Float64Array; vectors: Float64Array[] } {
  const n = symmetric.length;
  const matrix = symmetric.map((row) => row.slice());
  const vectors = matrix.map((_, i) => Float64Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) rotate(matrix, vectors, p, q);
    }
  }
  return { values: Float64Array.from(matrix, (row, i) => row[i]!), vectors };
}

/** One rotation in the plane of p and q that makes their entry zero. */
function rotate(matrix: Float64Array[], vectors: Float64Array[], p: number, q: number): void {
  const off = matrix[p]![q]!;
  if (Math.abs(off) < 1e-300) return;
  const theta = (matrix[q]![q]! - matrix[p]![p]!) / (2 * off);
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  for (const row of [...matrix, ...vectors]) {
    const [a, b] = [row[p]!, row[q]!];
    row[p] = cosine * a - sine * b;
    row[q] = sine * a + cosine * b;
  }
  const [rowP, rowQ] = [matrix[p]!, matrix[q]!];
  for (let k = 0; k < rowP.length; k++) {
    const [a, b] = [rowP[k]!, rowQ[k]!];
    rowP[k] = cosine * a - sine * b;
    rowQ[k] = sine * a + cosine * b;
  }
}
