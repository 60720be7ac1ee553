import { formatTable } from './table.js';

describe('formatTable', () => {
  it('aligns text to the left and numbers to the right, at four digits', () => {
    const rows = [
      ['a', 0.123456],
      ['longer', 1229.9],
      ['none', Number.NaN],
      ['big', 2_197_345.5],
      ['count', 100],
    ];

    expect(formatTable(['set', 'score'], rows).split('\n')).toEqual([
      'set     score',
      'a         0.1235',
      'longer      1230',
      'none           –',
      'big     2.197e+6',
      'count        100',
    ]);
  });
});
