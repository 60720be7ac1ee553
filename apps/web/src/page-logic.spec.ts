import type { Forecast } from './api.js';
import { chartColumns, LINES, type Line } from './chart-data.js';
import { partsOf } from './forecast-parts.js';
import { ageText, durationMs, freshness, lengthText, numberText } from './format.js';
import { reasonsOf } from './reasons.js';
import { itemHref, parseRoute } from './route.js';

describe('routes', () => {
  it.each(['pump-7', 'a/b%2F c?d#e', '<script>', '水', '%'])('find the item %s again', (itemId) => {
    expect(parseRoute(itemHref(itemId))).toEqual({ page: 'item', itemId, channel: undefined });
    expect(parseRoute(itemHref(itemId, itemId))).toEqual({ page: 'item', itemId, channel: itemId });
  });

  it.each([
    ['', 'items'],
    ['#/jobs', 'jobs'],
    ['#/nowhere', 'items'],
    ['#/items/', 'items'],
    ['#/items/%E0%A4%A', 'item'],
  ])('%j is %s', (hash, page) => {
    expect(parseRoute(hash).page).toBe(page);
  });
});

describe('durations and ages', () => {
  it.each([
    ['PT1H', 3_600_000],
    ['P1D', 86_400_000],
    ['PT30M', 1_800_000],
    ['P1W', 604_800_000],
    ['P', undefined],
    ['hourly', undefined],
    [null, undefined],
  ])('%j', (text, ms) => expect(durationMs(text)).toBe(ms));

  it('are told in their largest unit', () => {
    expect([lengthText(59_000), lengthText(7_200_000), lengthText(12)]).toEqual(['59 seconds', '2 hours', '12 ms']);
    expect([ageText(0, 60_000), ageText(60_000, 0), ageText(0, 10)]).toEqual(['1 minute ago', 'in 1 minute', 'now']);
  });

  it('say how fresh a series is', () => {
    const at = (steps: number) => freshness(new Date(0).toISOString(), 'PT1M', steps * 60_000);
    expect([at(3), at(4), at(21)]).toEqual(['fresh', 'late', 'silent']);
    expect(freshness(null, 'PT1M', 0)).toBe('unknown');
  });

  it('writes numbers with the digits that matter', () => {
    expect([0, 1.23456, 12_345.6, 1e9, 1e-9, null, Number.NaN].map((value) => numberText(value))).toEqual([
      '0',
      '1.235',
      '12,346',
      '1.00e+9',
      '1.00e-9',
      '–',
      '–',
    ]);
  });
});

describe('chartColumns', () => {
  const at = (minute: number) => new Date(minute * 60_000).toISOString();
  const quantiles = { '0.025': [1], '0.1': [2], '0.5': [3], '0.9': [4], '0.975': [5] };
  const forecast = { cutoff: at(1), ts: [at(2)], quantiles } as unknown as Forecast;
  const column = (columns: ReturnType<typeof chartColumns>, line: Line) => columns[LINES.indexOf(line) + 1];

  it('opens the fan at the last point', () => {
    const points = [0, 1].map((minute) => ({ ts: at(minute), value: minute }));
    const columns = chartColumns({ points, stepMs: 60_000, forecast });

    expect(columns[0]).toEqual([0, 60, 120]);
    expect(column(columns, 'actual')).toEqual([0, 1, undefined]);
    expect(column(columns, 'median')).toEqual([undefined, 1, 3]);
    expect(column(columns, 'high95')).toEqual([undefined, 1, 5]);
  });

  it('leaves gaps open, and out what is beyond the stretch', () => {
    const points = [0, 1, 9].map((minute) => ({ ts: at(minute), value: minute }));
    const columns = chartColumns({ points, stepMs: 60_000, forecast, to: 9 * 60_000, from: 60_000 });

    expect(columns[0]).toEqual([60, 120, 540]);
    expect(column(columns, 'actual')).toEqual([1, null, 9]);
  });

  it('is empty without points', () => {
    expect(chartColumns({ points: [], stepMs: undefined })[0]).toEqual([]);
  });
});

describe('reasonsOf and partsOf', () => {
  it('leave out what they do not understand', () => {
    expect(reasonsOf({ channels: [{}, { channel: 7 }], forecast: null, quality: ['x'] })).toEqual([]);
    expect(reasonsOf({})).toEqual([]);
    expect(partsOf({ aggregation: 'x', chosen: 3 })).toEqual({ models: [], facts: [], passedOver: [] });
  });

  it('give shares largest first, and where weights come from', () => {
    const aggregation = { models: { a: 0.2, b: 0.8 }, weights: { from: 'trial' }, calibration: { from: 'none' } };
    expect(partsOf({ aggregation, chosen: { a: 'weight 0.2', c: 'too short' } })).toEqual({
      models: [
        { name: 'b', share: 0.8 },
        { name: 'a', share: 0.2 },
      ],
      facts: [
        ['Weights', 'by a trial on the newest points'],
        ['Intervals', 'as the models gave them'],
      ],
      passedOver: [['c', 'too short']],
    });
  });
});
