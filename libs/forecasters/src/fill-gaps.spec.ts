import { fillGaps } from './fill-gaps.js';

const gap = Number.NaN;
const fill = (target: readonly number[], season = 1) => [...fillGaps(Float64Array.from(target), season)];

describe('fillGaps', () => {
  it('draws a line between the neighbours', () => {
    expect(fill([1, gap, gap, 4, gap, 6])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('repeats the nearest value at the ends', () => {
    expect(fill([gap, gap, 3, gap])).toEqual([3, 3, 3, 3]);
  });

  it('takes the mean of the same phase one cycle before and after', () => {
    expect(fill([1, 20, gap, 20, 3, 20], 2)).toEqual([1, 20, 2, 20, 3, 20]);
    expect(fill([1, 20, gap, 20], 2)).toEqual([1, 20, 1, 20]);
  });

  it('draws a line where the phase is missing in both', () => {
    expect(fill([gap, 2, gap, 4, gap, 6], 2)).toEqual([2, 2, 3, 4, 5, 6]);
  });

  it('leaves complete data, and what it is given, as they are', () => {
    const target = Float64Array.of(1, gap, 3);
    fillGaps(target, 1);
    expect(target[1]).toBeNaN();
    expect(fill([1, 5, 2])).toEqual([1, 5, 2]);
  });
});
