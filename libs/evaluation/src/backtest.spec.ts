import { backtestWindows, type EvaluationSeries } from './backtest.js';
import { parseForecastingManifest, type ForecastingEntry } from './manifest.js';

const entry = (overrides: Partial<ForecastingEntry>): ForecastingEntry => ({
  ...parseForecastingManifest([
    {
      name: 'toy',
      file: 'toy.csv',
      layout: 'wide',
      freq: 'PT1H',
      seasonality: 1,
      predictionLength: 2,
      split: { kind: 'last', fraction: 0.25 },
    },
  ])[0]!,
  ...overrides,
});
const series = (values: number[], test?: number[]): EvaluationSeries => ({
  id: 'a',
  start: 0,
  values: Float64Array.from(values),
  test: test && Float64Array.from(test),
});
const counting = Array.from({ length: 40 }, (_, i) => i);

describe('backtestWindows', () => {
  it('rolls over the last fraction while the horizon fits', () => {
    const windows = [...backtestWindows(series(counting), entry({ stride: 4 }))];

    // ⌊.25 · 40⌋ = 10 test points: origins 30, 34 and 38.
    expect(windows.map(({ target }) => [...target])).toEqual([
      [30, 31],
      [34, 35],
      [38, 39],
    ]);
    expect(windows[0]!.context.at(-1)).toBe(29);
  });

  it('begins after training and validation, and ends with the test part', () => {
    const split = { kind: 'borders', train: 20, validation: 5, test: 4 } as const;
    const windows = [...backtestWindows(series(counting), entry({ split }))];

    expect(windows.map(({ target }) => target[0])).toEqual([25, 26, 27]);
  });

  it('takes the target from the test file', () => {
    const split = { kind: 'file', test: 'test.csv' } as const;
    const windows = [...backtestWindows(series(counting, [40, 41, 42]), entry({ split }))];

    expect(windows.map(({ target }) => [...target])).toEqual([[40, 41]]);
  });

  it('gives the context no more than its limit, and says where it begins', () => {
    const [first] = backtestWindows(series(counting), entry({ contextLimit: 12 }));

    expect(first!.context.length).toBe(12);
    expect(first!.offset).toBe(18);
  });

  it('standardises with the training part only', () => {
    const jump = counting.map((i) => (i < 30 ? i % 2 : 100));
    const [first] = backtestWindows(series(jump), entry({ standardise: 'train' }));

    // The training part has mean ½ and standard deviation ½.
    expect(first!.context.slice(-2)).toEqual(Float64Array.of(-1, 1));
    expect(first!.target[0]).toBe(199);
  });

  it('leaves out windows that show too little', () => {
    const silent = counting.map((i) => (i < 23 ? Number.NaN : i));
    const windows = [...backtestWindows(series(silent), entry({}))];
    expect(windows[0]!.target[0]).toBe(31); // 23 … 30 are eight observed points

    const untold = counting.map((i) => (i < 30 ? i : Number.NaN));
    expect([...backtestWindows(series(untold), entry({}))]).toEqual([]);
  });
});

describe('parseForecastingManifest', () => {
  it('lists every wrong key with its set', () => {
    const wrong = [{ name: 'a', file: 'a.csv', layout: 'tall', freq: 'hourly', seasonality: 0, predictionLength: 1 }];

    for (const text of [/a: layout/, /a: freq must be an ISO-8601/, /a: seasonality/, /a: split/]) {
      expect(() => parseForecastingManifest(wrong)).toThrow(text);
    }
  });

  it('refuses something that is no list, and a set that is listed twice', () => {
    expect(() => parseForecastingManifest({})).toThrow(/manifest is wrong/);
    expect(() => parseForecastingManifest([])).toThrow(/at least one set/);
    expect(() => parseForecastingManifest([entry({}), entry({})])).toThrow(/toy: is listed twice/);
  });
});
