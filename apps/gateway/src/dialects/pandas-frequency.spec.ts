import { parsePandasFrequency } from './pandas-frequency.js';

describe('parsePandasFrequency', () => {
  it.each([
    ['ms', 'PT0.001S'],
    ['250ms', 'PT0.25S'],
    ['L', 'PT0.001S'],
    ['s', 'PT1S'],
    ['S', 'PT1S'],
    ['10s', 'PT10S'],
    ['min', 'PT1M'],
    ['T', 'PT1M'],
    ['15T', 'PT15M'],
    ['1m', 'PT1M'],
    ['h', 'PT1H'],
    ['H', 'PT1H'],
    ['24h', 'PT24H'],
    ['D', 'P1D'],
    ['1d', 'P1D'],
    ['7D', 'P1W'],
    ['W', 'P1W'],
    ['W-SUN', 'P1W'],
    ['2W-MON', 'P2W'],
    ['M', 'P1M'],
    ['MS', 'P1M'],
    ['1MS', 'P1M'],
    ['ME', 'P1M'],
    ['BME', 'P1M'],
    ['Q', 'P3M'],
    ['QS-OCT', 'P3M'],
    ['QE-DEC', 'P3M'],
    ['A-DEC', 'P1Y'],
    ['YE', 'P1Y'],
    ['YS', 'P1Y'],
    ['hour', 'PT1H'],
    ['quarter', 'P3M'],
    ['PT15M', 'PT15M'],
    ['P1M', 'P1M'],
  ])('reads %s', (alias, iso) => {
    expect(parsePandasFrequency(alias).freq.toString()).toBe(iso);
    expect(parsePandasFrequency(alias).seasons).toBeUndefined();
  });

  it('knows that the week of business has five days', () => {
    expect(parsePandasFrequency('B')).toMatchObject({ seasons: [5, 252] });
    expect(parsePandasFrequency('1B').freq.toString()).toBe('P1D');
    expect(parsePandasFrequency('2B').seasons).toEqual([]);
  });

  it.each([
    '',
    ' h',
    'h ',
    '0h',
    '-1h',
    '1.5h',
    'us',
    'ns',
    'bh',
    'SME',
    'constructor',
    '__proto__',
    '9999999D',
    '99Y',
    `${'9'.repeat(1e5)}h`,
  ])('refuses %j with what can be written', (alias) => {
    expect(() => parsePandasFrequency(alias)).toThrow(
      expect.objectContaining({
        code: 'FREQ_INVALID',
        message: expect.stringMatching(/^freq .{0,60} is not usable; .*W-SUN/),
      }),
    );
  });
});
