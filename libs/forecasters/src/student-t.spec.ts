import { normalQuantile } from '@app/series';
import { studentQuantile } from './student-t.js';

describe('studentQuantile', () => {
  // NIST/SEMATECH e-Handbook of Statistical Methods, §1.3.6.7.2, critical values of Student's t.
  it.each([
    [1, 3.078, 6.314, 12.706],
    [2, 1.886, 2.92, 4.303],
    [3, 1.638, 2.353, 3.182],
    [4, 1.533, 2.132, 2.776],
    [5, 1.476, 2.015, 2.571],
    [10, 1.372, 1.812, 2.228],
    [30, 1.31, 1.697, 2.042],
  ])('has the tabulated values with %i degrees of freedom', (dof, t90, t95, t975) => {
    expect(studentQuantile(0.9, dof)).toBeCloseTo(t90, 3);
    expect(studentQuantile(0.95, dof)).toBeCloseTo(t95, 3);
    expect(studentQuantile(0.975, dof)).toBeCloseTo(t975, 3);
  });

  it.each([3, 4, 7, 41])('inverts the integral of the density with %i degrees of freedom', (dof) => {
    for (const level of [0.6, 0.7, 0.8, 0.95, 0.975]) {
      expect(0.5 + integral(studentQuantile(level, dof), dof)).toBeCloseTo(level, 4);
    }
  });

  it('is symmetric and near the normal one with many degrees of freedom', () => {
    expect(studentQuantile(0.3, 5)).toBeCloseTo(-studentQuantile(0.7, 5), 12);
    expect(studentQuantile(0.5, 5)).toBe(0);
    expect(studentQuantile(0.975, 10_000)).toBeCloseTo(normalQuantile(0.975), 3);
  });
});

/** Of the density of Student's t from 0 to `end`, by Simpson's rule. */
function integral(end: number, dof: number): number {
  const density = (t: number) => (1 + t ** 2 / dof) ** (-(dof + 1) / 2);
  const simpson = (to: number, intervals: number) => {
    const width = to / intervals;
    let sum = density(0) + density(to);
    for (let i = 1; i < intervals; i++) sum += (i % 2 === 0 ? 2 : 4) * density(i * width);
    return (sum * width) / 3;
  };
  // The constant of the density, by substitution t = tan: the whole line is finite.
  let whole = 0;
  const steps = 20_000;
  for (let i = 0; i < steps; i++) {
    const angle = (-0.5 + (i + 0.5) / steps) * Math.PI;
    whole += (density(Math.tan(angle)) / Math.cos(angle) ** 2) * (Math.PI / steps);
  }
  return simpson(end, 2000) / whole;
}
