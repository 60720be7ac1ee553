import { Frequency } from '@app/series';
import { aWindow } from './fixtures/series.js';
import { jointRows } from './row-sets.js';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 0, 1);
const gap = Number.NaN;
const of = (channel: string, target: number[], overrides: Parameters<typeof aWindow>[1] = {}) =>
  aWindow(target, { channel, cutoff: NOW, ...overrides });
const rows = (windows: ReturnType<typeof of>[], beside: ReturnType<typeof of>[] = [], most = 8, context = 10) =>
  jointRows(windows, beside, { most }, context).map(({ targets, answers, parts }) => ({
    targets: targets.map((target) => [...target]),
    answers,
    parts: parts.jointChannels,
  }));

describe('jointRows', () => {
  it('puts the channels of an item side by side, by name', () => {
    expect(rows([of('b', [1, 2]), of('a', [3])])).toEqual([
      {
        targets: [[3], [1, 2]],
        answers: [
          { index: 1, position: 0 },
          { index: 0, position: 1 },
        ],
        parts: { together: 2 },
      },
    ]);
  });

  it('keeps items apart', () => {
    expect(rows([of('a', [1]), of('a', [2], { itemId: 'other' })])).toHaveLength(2);
  });

  it('makes a row for every cutoff: later channels are cut, earlier ones have a gap', () => {
    const earlier = of('b', [1, 2, 3], { cutoff: NOW - 2 * HOUR });
    expect(rows([of('a', [5, 6, 7, 8]), earlier]).map(({ targets }) => targets)).toEqual([
      [
        [5, 6, 7, 8],
        [1, 2, 3, gap, gap],
      ],
      [
        [5, 6],
        [1, 2, 3],
      ],
    ]);
  });

  it('takes of several windows of a channel the one of the same cutoff', () => {
    const origins = [0, 1, 2].flatMap((k) => [
      of('a', [k], { cutoff: NOW + k * HOUR }),
      of('b', [10 + k], { cutoff: NOW + k * HOUR }),
    ]);
    expect(rows(origins).map(({ targets }) => targets)).toEqual([
      [[0], [10]],
      [[1], [11]],
      [[2], [12]],
    ]);
  });

  it('answers a channel that is asked for twice, twice', () => {
    const answers = rows([of('a', [1]), of('a', [2]), of('b', [3])]).flatMap(({ answers }) => answers);
    expect(answers.map(({ index }) => index).sort((a, b) => a - b)).toEqual([0, 1, 2]);
  });

  it('names what it leaves out', () => {
    const beside = [
      of('daily', [1], { freq: Frequency.parse('P1D')! }),
      of('empty', [gap, gap]),
      of('old', [1, 2], { cutoff: NOW - 10 * HOUR }),
      of('new', [1, 2], { cutoff: NOW + 5 * HOUR }),
    ];
    expect(rows([of('a', [1])], beside)[0]!.parts).toEqual({
      together: 1,
      leftOut: {
        daily: 'its points are P1D apart',
        empty: 'it has no observed point there',
        old: 'it ends 10 points earlier',
        new: 'it has no observed point there',
      },
    });
  });

  it('deals more channels than the network takes into rows, by name', () => {
    const windows = ['e', 'd', 'c', 'b', 'a'].map((channel, i) => of(channel, [i]));
    expect(rows(windows, [], 2).map(({ targets }) => targets)).toEqual([[[0]], [[2], [1]], [[4], [3]]]);
  });

  it('counts what it can not name', () => {
    const beside = Array.from({ length: 12 }, (_, i) => of(`x${i}`, [gap]));
    expect(rows([of('a', [1])], beside, 64)[0]!.parts).toMatchObject({ together: 1, moreLeftOut: 4 });
  });
});
