import { columnKinds, seriesOf, type Table } from './csv.js';

const table = (rows: string[][], columns = ['time', 'value']): Table => ({ columns, rows });
const days = (count: number, value = (n: number) => String(n)) =>
  Array.from({ length: count }, (_, n) => [new Date(Date.UTC(2026, 0, 1 + n)).toISOString().slice(0, 10), value(n)]);

describe('columnKinds', () => {
  it('tells times, numbers and texts apart, gaps or not', () => {
    const rows = [
      ['2026-01-01 00:00', '1', '', 'a'],
      ['2026-01-01 01:00', 'NA', '1,5', 'b'],
    ];
    expect(columnKinds(table(rows, ['t', 'x', 'y', 'note']))).toEqual({ times: [0], numbers: [1, 2] });
  });
});

describe('seriesOf', () => {
  it('puts points on the grid of their usual spacing, with gaps for what is missing', () => {
    const rows = days(6).filter((_row, n) => n !== 3);
    expect(seriesOf(table(rows), 0, 1)).toEqual({
      freq: 'P1D',
      start: '2026-01-01T00:00:00.000Z',
      target: [0, 1, 2, null, 4, 5],
    });
  });

  it.each([
    [['2026-01-01T00:00:00Z', '2026-01-01T00:15:00Z', '2026-01-01T00:30:00Z'], 'PT15M'],
    [['2026-01-01', '2026-02-01', '2026-03-01', '2026-04-01'], 'P1M'],
    [['2026-01-05', '2026-01-12', '2026-01-19'], 'P1W'],
    [['2024-01-01', '2025-01-01', '2026-01-01'], 'P1Y'],
    [['2026-01-01T00:00:00', '2026-01-01T00:00:07', '2026-01-01T00:00:14'], 'PT7S'],
  ])('finds the spacing of %j', (times, freq) => {
    expect(seriesOf(table(times.map((time) => [time, '1'])), 0, 1)).toMatchObject({ freq, target: times.map(() => 1) });
  });

  it('sorts, takes the last of equal times, and reads numbers as people write them', () => {
    const rows = [
      ['2026-01-03', '1,234.5'],
      ['2026-01-01', '-2,5'],
      ['2026-01-02', '1e3'],
      ['2026-01-03', '7'],
    ];
    expect(seriesOf(table(rows), 0, 1).target).toEqual([-2.5, 1_000, 7]);
  });

  it('takes a row for a day where there are no times', () => {
    expect(
      seriesOf(
        table([
          ['', '1'],
          ['', ''],
          ['', '3'],
        ]),
        undefined,
        1,
      ),
    ).toMatchObject({ freq: 'P1D', target: [1, null, 3] });
  });

  it('sends the last 5,000 points', () => {
    expect(seriesOf(table(days(6_000)), 0, 1).target).toHaveLength(5_000);
  });

  it.each([
    [[['2026-01-01', '1']], /two rows/],
    [[...days(3), ['soon', '1']], /Row 5: “soon” is no time/],
    [[...days(3), ['2026-02-31x', 'x']], /Row 5/],
    [days(3, (n) => (n === 1 ? '<b>' : '1')), /Row 3: “<b>” is no number/],
    [
      [
        ['2026-01-01', '1'],
        ['2026-01-01', '2'],
      ],
      /same time/,
    ],
    [
      [
        ['2026-01-01T00:00:00Z', '1'],
        ['2026-01-01T00:00:00.5Z', '2'],
      ],
      /whole seconds/,
    ],
    [[...days(3), ['2299-01-01', '1']], /gap of too many steps/],
  ])('refuses %j', (rows, message) => {
    expect(() => seriesOf(table(rows), 0, 1)).toThrow(message);
  });
});
