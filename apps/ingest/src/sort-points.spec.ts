import { SeriesRef } from './series-registry.js';
import { sortPoints } from './sort-points.js';

const LATE = 2;
const REVISED = 4;

function series(seriesId: number, newest = Number.NEGATIVE_INFINITY): SeriesRef {
  return Object.assign(new SeriesRef(`item-${seriesId}`, 'flow'), { seriesId, newest });
}

type Point = [ref: SeriesRef, ts: number, value: number, record?: number];

function sort(points: readonly Point[]) {
  return sortPoints({
    refs: points.map(([ref]) => ref),
    ts: points.map(([, ts]) => ts),
    values: points.map(([, , value]) => value),
    record: points.map(([, , , record], i) => record ?? i),
  });
}

function rowsOf({ rows }: ReturnType<typeof sort>): [seriesId: number, ts: number, value: number, flags: number][] {
  return Array.from(rows.seriesIds, (id, i) => [id, rows.ts[i]!, rows.values[i]!, rows.flags?.[i] ?? 0]);
}

describe('sortPoints', () => {
  it('orders by series and time, whatever the order of the log', () => {
    const [a, b] = [series(2), series(1)];
    expect(
      rowsOf(
        sort([
          [a, 1, 10],
          [b, 5, 20],
          [a, 2, 30],
          [b, 6, 40],
        ]),
      ),
    ).toEqual([
      [1, 5, 20, 0],
      [1, 6, 40, 0],
      [2, 1, 10, 0],
      [2, 2, 30, 0],
    ]);
  });

  it('has no flags column where nothing is flagged', () => {
    expect(sort([[series(1), 1, 1]]).rows.flags).toBeUndefined();
  });

  it('lets the last of equal times win and keeps what differed, in the order it came', () => {
    const a = series(1);
    const sorted = sort([
      [a, 1, 10],
      [a, 1, 10],
      [a, 1, 11],
      [a, 1, 12],
      [a, 2, 5],
    ]);
    expect(rowsOf(sorted)).toEqual([
      [1, 1, 12, REVISED],
      [1, 2, 5, 0],
    ]);
    expect(sorted.replaced).toEqual({ seriesIds: [1, 1], ts: [1, 1], values: [10, 11] });
  });

  it('marks as late what an earlier record, or the database, was ahead of', () => {
    const [a, b] = [series(1, 100), series(2)];
    expect(
      rowsOf(
        sort([
          [a, 99, 1],
          [a, 100, 2],
          [a, 101, 3],
          [b, 7, 4],
          [b, 6, 5],
          [b, 7, 4],
        ]),
      ),
    ).toEqual([
      [1, 99, 1, LATE],
      [1, 100, 2, 0],
      [1, 101, 3, 0],
      [2, 6, 5, LATE],
      [2, 7, 4, 0],
    ]);
  });

  it('takes the points of one record for one moment', () => {
    const a = series(1);
    expect(
      rowsOf(
        sort([
          [a, 3, 1, 0],
          [a, 2, 2, 0],
          [a, 1, 3, 0],
          [a, 2.5, 4, 1],
        ]),
      ).map((row) => row[3]),
    ).toEqual([0, 0, LATE, 0]);
  });

  it('calls points fresh only while all of them are newer than anything stored', () => {
    expect(
      sort([
        [series(1, 5), 6, 1],
        [series(2), 1, 1],
      ]).rows.fresh,
    ).toBe(true);
    expect(
      sort([
        [series(1, 5), 6, 1],
        [series(2, 5), 5, 1],
      ]).rows.fresh,
    ).toBe(false);
  });

  it('tells how far each series got, and can be repeated when the transaction failed', () => {
    const a = series(1, 5);
    const points: Point[] = [
      [a, 4, 1],
      [a, 9, 2],
      [a, 8, 3],
    ];
    const first = sort(points);
    expect(first.progress).toEqual([{ ref: a, points: 3, newest: 9 }]);
    expect(a.newest).toBe(5);
    a.newest = 20;
    expect(sort(points).progress).toEqual([{ ref: a, points: 3, newest: 20 }]);
  });

  it('agrees with a plain stable sort on random points', () => {
    let state = 7;
    const random = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 200; round++) {
      const refs = Array.from({ length: 1 + random(6) }, (_, i) => series(i + 1));
      const points: Point[] = Array.from({ length: random(60) }, () => [
        refs[random(refs.length)]!,
        random(12),
        random(3),
      ]);
      const expected = new Map<string, [number, number, number]>();
      for (const [ref, ts, value] of points) expected.set(`${ref.seriesId}|${ts}`, [ref.seriesId, ts, value]);
      expect(rowsOf(sort(points)).map(([id, ts, value]) => [id, ts, value])).toEqual(
        [...expected.values()].toSorted((x, y) => x[0] - y[0] || x[1] - y[1]),
      );
    }
  });

  it('takes nothing for nothing', () => {
    expect(rowsOf(sort([]))).toEqual([]);
  });
});
