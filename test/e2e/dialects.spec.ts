import { AWKWARD } from '../support/rest-series.js';
import { useRestProcess, type Json } from '../support/rest-process.js';

const rest = useRestProcess();

interface Called<T = Json> {
  readonly status: number;
  readonly type: string | null;
  readonly body: T;
}

/** A request below the root; a text is sent as it is, anything else as JSON. */
async function call<T = Json>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Called<T>> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(
    rest().url + path,
    body === undefined
      ? {}
      : { method: 'POST', body: text, headers: { 'content-type': 'application/json', ...headers } },
  );
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: (await response.json()) as T,
  };
}

/** A daily wave of hours, with a gap. */
const WAVE = Array.from({ length: 200 }, (_, i) => (i === 150 ? null : 10 + Math.sin((i * Math.PI) / 12)));
const START = Date.UTC(2026, 0, 1);
const hour = (n: number) => new Date(START + n * 3_600_000).toISOString().replace('.000Z', 'Z');

interface Forecast {
  readonly mean: number[];
  readonly quantiles: Record<string, number[]>;
}
/** What `POST /api/v1/forecasts` says about series; the hours of the wave unless told otherwise. */
async function ours(series: Json[], extra: Json): Promise<Forecast[]> {
  const { status, body } = await rest().post<{ forecasts: Forecast[] }>('/forecasts', {
    series: series.map((one) => ({ item_id: 'x', freq: 'PT1H', start: hour(0), target: WAVE, ...one })),
    ...extra,
  });
  expect(status).toBe(200);
  return body.forecasts;
}

describe('the time-series API of KServe', () => {
  const FORECAST = '/v1/timeseries/forecast';
  const input = (overrides: Json = {}): Json => ({
    type: 'univariate_time_series',
    name: 'stock_price',
    series: WAVE,
    frequency: 'H',
    start_timestamp: hour(0),
    ...overrides,
  });

  it('lists models', async () => {
    const { body } = await call<string[]>('/v1/timeseries/models');

    expect(body).toEqual(expect.arrayContaining(['auto', 'ttm/base', 'seasonal-naive']));
  });

  it('forecasts univariate and multivariate series, the numbers of POST /forecasts', async () => {
    const inputs = [
      input({ extra: 'allowed' }),
      input({
        type: 'multivariate_time_series',
        name: AWKWARD,
        series: WAVE.map((value) => [value, value === null ? null : -value]),
        frequency: 'hour',
        start_timestamp: '2026-01-01T01:00:00+01:00',
      }),
    ];
    const { status, body } = await call(FORECAST, {
      model: 'ttm',
      inputs,
      options: { horizon: 3, quantiles: [0.1, 0.5, 0.9] },
      metadata: { request_id: 'r' },
      more: 1,
    });

    expect(status).toBe(200);
    const extra = { model: 'ttm', horizon: 3, levels: [0.1, 0.5, 0.9] };
    const [a, b, c] = (await ours(
      [{}, { item_id: 'y', channel: 'a' }, { item_id: 'y', channel: 'b', target: WAVE.map((v) => v && -v) }],
      extra,
    )) as [Forecast, Forecast, Forecast];
    const pairs = (x: number[], y: number[]) => x.map((value, i) => [value, y[i]]);
    expect(body).toEqual({
      id: expect.stringMatching(/^resp_/) as string,
      created_at: expect.any(Number) as number,
      status: 'completed',
      error: null,
      model: 'ttm',
      outputs: [
        {
          type: 'time_series_forecast',
          id: expect.stringMatching(/^ts_/) as string,
          status: 'completed',
          error: null,
          content: [
            {
              type: 'univariate_time_series',
              name: 'stock_price',
              mean_forecast: a.mean,
              frequency: 'H',
              start_timestamp: hour(200),
              quantiles: a.quantiles,
            },
          ],
        },
        {
          type: 'time_series_forecast',
          id: expect.stringMatching(/^ts_/) as string,
          status: 'completed',
          error: null,
          content: [
            {
              type: 'multivariate_time_series',
              name: AWKWARD,
              mean_forecast: pairs(b.mean, c.mean),
              frequency: 'hour',
              start_timestamp: hour(200),
              quantiles: Object.fromEntries(
                ['0.1', '0.5', '0.9'].map((level) => [level, pairs(b.quantiles[level]!, c.quantiles[level]!)]),
              ),
            },
          ],
        },
      ],
    });
  });

  it.each([
    ['S', '2026-01-31T00:00:04Z'],
    ['T', '2026-01-31T00:04:00Z'],
    ['D', '2026-02-04T00:00:00Z'],
    ['W', '2026-02-28T00:00:00Z'],
    ['M', '2026-05-31T00:00:00Z'],
    ['Q', '2027-01-31T00:00:00Z'],
    ['year', '2030-01-31T00:00:00Z'],
  ])('knows the frequency %s', async (frequency, start) => {
    const one = input({ series: [1, 2, 3, 4], frequency, start_timestamp: '2026-01-31' });
    const { body } = await call<{ outputs: { content: Json[] }[] }>(FORECAST, {
      model: 'seasonal-naive',
      inputs: [one],
      options: { horizon: 1 },
    });

    expect(body.outputs[0]!.content[0]).toMatchObject({ start_timestamp: start, quantiles: null });
  });

  it('answers what it can, and says what fails', async () => {
    const inputs = [input(), input({ name: 'empty', series: [null, null] })];
    const { status, body } = await call<{ outputs: Json[] }>(FORECAST, {
      model: 'ttm',
      inputs,
      options: { horizon: 1 },
    });

    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'partial', error: null });
    expect(body.outputs).toMatchObject([
      { status: 'completed' },
      {
        status: 'error',
        content: [],
        error: {
          code: '422',
          type: 'NO_OBSERVATIONS',
          param: 'empty',
          message: expect.stringContaining('no value') as string,
        },
      },
    ]);
  });

  it.each<[string, Json | string, number, string, RegExp]>([
    ['no JSON', '{', 400, 'MALFORMED_JSON', /JSON/],
    ['nothing', {}, 400, 'INVALID_REQUEST', /model/],
    ['no inputs', { inputs: [] }, 400, 'INVALID_REQUEST', /inputs/],
    ['an empty series', { inputs: [input({ series: [] })] }, 400, 'INVALID_REQUEST', /inputs\[0\]\.series/],
    [
      'a text for a value',
      { inputs: [input({ series: [1, 'NaN'] })] },
      400,
      'INVALID_REQUEST',
      /series\[1\].*null for a gap/,
    ],
    [
      'a ragged matrix',
      { inputs: [input({ type: 'multivariate_time_series', series: [[1, 2], [3]] })] },
      400,
      'INVALID_REQUEST',
      /series\[1\] has 1/,
    ],
    ['one name twice', { inputs: [input(), input()] }, 400, 'INVALID_REQUEST', /unique/],
    ['an unknown frequency', { inputs: [input({ frequency: 'fortnight' })] }, 400, 'FREQ_INVALID', /fortnight/],
    ['no time', { inputs: [input({ start_timestamp: "'; DROP TABLE" })] }, 400, 'TS_INVALID', /stock_price.*DROP/],
    [
      'a time beyond the calendar',
      { inputs: [input({ start_timestamp: '9999-12-31T00:00:00Z' })] },
      400,
      'TS_INVALID',
      /year 10000/,
    ],
    ['a level of 1', { options: { horizon: 1, quantiles: [1] } }, 400, 'LEVELS_INVALID', /level 1/],
    ['a long horizon', { options: { horizon: 5_000 } }, 400, 'HORIZON_TOO_LONG', /1000/],
    ['an unknown model', { model: '../../etc/passwd' }, 404, 'MODEL_NOT_FOUND', /passwd/],
    ['gaps only', { inputs: [input({ series: [null] })] }, 422, 'NO_OBSERVATIONS', /stock_price/],
  ])('refuses %s in its own form', async (_, overrides, status, type, message) => {
    const whole = { model: 'ttm', inputs: [input()], options: { horizon: 1 } };
    const request =
      typeof overrides === 'string' || Object.keys(overrides).length === 0 ? overrides : { ...whole, ...overrides };
    const answer = await call(FORECAST, request);

    expect(answer).toMatchObject({
      status,
      type: 'application/json; charset=utf-8',
      body: { error: { code: String(status), type, param: expect.any(String) as string } },
    });
    expect((answer.body['error'] as { message: string }).message).toMatch(message);
  });

  it('takes a series of the future as it is', async () => {
    const future = input({ start_timestamp: '2150-01-01T00:00:00Z' });
    const { body } = await call<{ outputs: { content: Json[] }[] }>(FORECAST, {
      model: 'ttm',
      inputs: [future],
      options: { horizon: 1 },
    });

    expect(body.outputs[0]!.content[0]).toMatchObject({ start_timestamp: '2150-01-09T08:00:00Z' });
  });
});

describe('the inference service of granite-tsfm', () => {
  const FORECAST = '/v1/inference/forecasting';
  const date = WAVE.map((_, i) => hour(i));
  const request = (overrides: Json = {}, schema: Json = {}): Json => ({
    model_id: 'ibm/granite-ttm-512-96-r2',
    schema: { timestamp_column: 'date', target_columns: ['flow'], ...schema },
    parameters: { prediction_length: 2 },
    data: { date, flow: WAVE },
    ...overrides,
  });
  interface Inferred {
    readonly results: Record<string, unknown[]>[];
  }

  it('forecasts the series of a table, the numbers of POST /forecasts', async () => {
    // Two pumps, their rows mixed; a row of the second is missing.
    const rows = WAVE.flatMap((value, i) => [
      { date: hour(i), site: 'north', pump: 7, flow: value, temp: value && 2 * value },
      ...(i === 100 ? [] : [{ date: hour(i), site: 'north', pump: 8, flow: value && value + 1, temp: 4 }]),
    ]).reverse();
    const columns = ['date', 'site', 'pump', 'flow', 'temp'] as const;
    const data = Object.fromEntries(columns.map((column) => [column, rows.map((row) => row[column])]));
    const { status, body } = await call<Inferred & Json>(FORECAST, {
      model_id: 'ibm/granite-ttm-512-96-r2',
      schema: { timestamp_column: 'date', id_columns: ['site', 'pump'], target_columns: ['flow', 'temp'], freq: '1h' },
      parameters: { prediction_length: 2, prediction_quantiles: [0.1, 0.9], inference_batch_size: 8 },
      data,
    });

    expect(status).toBe(200);
    const missing = WAVE.map((value, i) => (i === 100 ? null : value && value + 1));
    const [eight, eightTemp, seven, sevenTemp] = (await ours(
      [
        { item_id: 'p8', channel: 'flow', target: missing },
        { item_id: 'p8', channel: 'temp', target: WAVE.map((_, i) => (i === 100 ? null : 4)) },
        { item_id: 'p7', channel: 'flow' },
        { item_id: 'p7', channel: 'temp', target: WAVE.map((value) => value && 2 * value) },
      ],
      { model: 'ttm', horizon: 2, levels: [0.1, 0.9] },
    )) as [Forecast, Forecast, Forecast, Forecast];
    const both = (pick: (one: Forecast) => number[], a: Forecast, b: Forecast) => [...pick(a), ...pick(b)];
    expect(body).toMatchObject({
      model_id: 'ibm/granite-ttm-512-96-r2',
      input_data_points: 800,
      output_data_points: 8,
    });
    expect(body.results).toEqual([
      {
        date: [200, 201, 200, 201].map((n) => hour(n).replace('Z', '+00:00')),
        site: Array(4).fill('north'),
        pump: [8, 8, 7, 7],
        flow: both(({ mean }) => mean, eight, seven),
        'flow_q0.1': both(({ quantiles }) => quantiles['0.1']!, eight, seven),
        'flow_q0.9': both(({ quantiles }) => quantiles['0.9']!, eight, seven),
        temp: both(({ mean }) => mean, eightTemp, sevenTemp),
        'temp_q0.1': both(({ quantiles }) => quantiles['0.1']!, eightTemp, sevenTemp),
        'temp_q0.9': both(({ quantiles }) => quantiles['0.9']!, eightTemp, sevenTemp),
      },
    ]);
  });

  it('takes every other column for a target, infers the spacing, and forecasts as far as the model', async () => {
    const { body } = await call<Inferred>(FORECAST, {
      model_id: 'ttm/base',
      schema: { timestamp_column: 'date' },
      data: { date, flow: WAVE },
    });

    expect(body.results[0]!['flow']).toEqual((await ours([{}], { model: 'ttm', horizon: 96 }))[0]!.mean);
  });

  it.each<[string, unknown[], string | undefined, unknown[]]>([
    ['hours without an offset', ['2026-01-01T00:00:00', '2026-01-01T01:00:00'], undefined, ['2026-01-01T02:00:00']],
    ['times as SQL writes them', ['2026-01-01 00:00:00', '2026-01-01 01:00:00'], 'h', ['2026-01-01T02:00:00']],
    ['an offset', ['2026-01-01T00:00:00+05:30', '2026-01-01T01:00:00+05:30'], 'h', ['2026-01-01T02:00:00+05:30']],
    ['days', ['2026-01-01', '2026-01-02'], undefined, ['2026-01-03T00:00:00']],
    ['ends of months', ['2026-01-31', '2026-02-28', '2026-03-31'], 'ME', ['2026-04-30T00:00:00']],
    ['numbers', [5, 7, 11], undefined, [13]],
    [
      'fractions of a second',
      ['2026-01-01T00:00:00.25', '2026-01-01T00:00:00.50'],
      '250ms',
      ['2026-01-01T00:00:00.750'],
    ],
    ['any order', ['2026-01-02', '2026-01-01'], 'D', ['2026-01-03T00:00:00']],
    ['the future', ['2150-01-01', '2150-01-02'], 'D', ['2150-01-03T00:00:00']],
  ])('writes times as it reads them: %s', async (_, times, freq, next) => {
    const { body } = await call<Inferred>(FORECAST, {
      model_id: 'seasonal-naive',
      schema: { timestamp_column: 't', ...(freq ? { freq } : {}) },
      parameters: { prediction_length: 1 },
      data: { t: times, y: times.map((__, i) => i) },
    });

    expect(body.results[0]!['t']).toEqual(next);
  });

  it('uses the past of conditional columns where the model sees series together', async () => {
    const price = WAVE.map((_, i) => (i * 7) % 11);
    const conditional = (model: string) =>
      request({ model_id: model, data: { date, flow: WAVE, price } }, { conditional_columns: ['price'] });
    const { body } = await call<Inferred>(FORECAST, conditional('s-mamba/base'));

    const series = [{ channel: 'flow' }, { channel: 'price', target: price }];
    const [forecast] = await ours(series, { model: 's-mamba/base', horizon: 2 });
    expect(body.results[0]!['flow']).toEqual(forecast!.mean);
    expect(await call(FORECAST, conditional('ttm'))).toMatchObject({
      status: 422,
      body: { detail: expect.stringMatching(/one series at a time.*s-mamba/) as string },
    });
  });

  const times = (...list: unknown[]) => request({ data: { date: list, flow: list.map(() => 1) } });
  it.each<[string, Json | string, number, RegExp]>([
    ['no JSON', '{', 400, /JSON/],
    ['no data', request({ data: {} }), 400, /column "date".*data has none/],
    ['no rows', request({ data: { date: [], flow: [] } }), 422, /no rows/],
    ['columns of two lengths', request({ data: { date, flow: [1] } }), 400, /data\.flow has 1 rows/],
    [
      'a column that is not there',
      request({}, { target_columns: ['flow', 'constructor'] }),
      400,
      /"constructor".*date, flow/,
    ],
    ['a column twice', request({}, { target_columns: ['flow', 'flow'] }), 400, /more than once/],
    ['a text for a value', request({ data: { date, flow: date } }), 400, /data\.flow\[0\].*null for a gap/],
    [
      'an id that is no id',
      request({ data: { date, flow: WAVE, k: date.map(() => ({})) } }, { id_columns: ['k'] }),
      400,
      /data\.k\[0\]/,
    ],
    ['no time', times('<script>'), 400, /data\.date\[0\].*script.*ISO-8601/],
    ['one time twice', times(hour(0), hour(1), hour(1)), 400, /2026-01-01T01:00:00\+00:00 comes twice/],
    ['a time between steps', times(hour(0), hour(1), hour(2), '2026-01-01T02:30:00Z'), 400, /between two steps/],
    ['times and numbers', times(hour(0), 1), 400, /row 1/],
    ['one row and no spacing', times(hour(0)), 400, /schema\.freq/],
    ['a span too long', times(hour(0), hour(1), hour(2), hour(200_000)), 400, /at most 100000/],
    ['an unknown spacing', request({}, { freq: '1fortnight' }), 400, /fortnight/],
    ['a level of 0', request({ parameters: { prediction_quantiles: [0] } }), 400, /level 0/],
    ['a long horizon', request({ parameters: { prediction_length: 1_001 } }), 400, /1000/],
    ['an unknown model', request({ model_id: 'ibm/unknown' }), 404, /ibm\/unknown.*ttm\/base/],
    ['features known ahead', request({}, { control_columns: ['x'] }), 422, /control_columns.*conditional_columns/],
    ['future data', request({ future_data: { date: [hour(200)] } }), 422, /future_data/],
    ['categories', request({}, { categorical_columns: ['x'] }), 422, /categorical_columns/],
  ])('refuses %s in the form of FastAPI', async (_, body, status, message) => {
    const answer = await call(FORECAST, body);

    expect(answer).toMatchObject({ status, type: 'application/json; charset=utf-8' });
    expect(answer.body['detail']).toMatch(message);
  });

  it('lists what does not fit the schema, as FastAPI does', async () => {
    const answer = await call(FORECAST, request({ parameters: { prediction_length: 0 }, surprise: 1 }));

    expect(answer).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ['body', 'parameters', 'prediction_length'], msg: expect.any(String) as string }, {}] },
    });
  });
});

describe('the API of TimeGPT, asked by hand', () => {
  const y = WAVE;
  const series = (overrides: Json = {}): Json => ({ y, sizes: [200], ...overrides });
  const request = (overrides: Json = {}): Json => ({ series: series(), freq: 'h', h: 2, model: 'ttm', ...overrides });

  it.each<[string, string, Json | string, number, RegExp]>([
    ['no JSON', 'forecast', '{', 400, /JSON/],
    ['sizes that do not add up', 'forecast', request({ series: series({ sizes: [1, 2] }) }), 400, /add up to 3.*200/],
    [
      'two starts for one series',
      'forecast',
      request({ series: series({ start_datetime: ['2026', '2026'] }) }),
      400,
      /2 entries for 1/,
    ],
    [
      'a start that is none',
      'forecast',
      request({ series: series({ start_datetime: ['" OR 1=1'] }) }),
      400,
      /#0.*OR 1=1/,
    ],
    ['a short feature', 'forecast', request({ series: series({ X: [[1]] }) }), 400, /X\[0\] has 1/],
    ['categories', 'forecast', request({ series: series({ X: [y], categorical_exog: [0] }) }), 422, /categorical/],
    ['an unknown spacing', 'forecast', request({ freq: 'constructor' }), 400, /constructor/],
    ['a level below 0', 'forecast', request({ level: [-1] }), 400, /level -1/],
    ['an unknown model', 'forecast', request({ model: AWKWARD }), 404, /no model/],
    ['too many windows', 'cross_validation', request({ h: 1, n_windows: 200 }), 422, /at least 201/],
    [
      'more forecasts than can be',
      'cross_validation',
      request({ series: { y: Array(30_000).fill(1), sizes: [30_000] }, h: 1, n_windows: 25_000 }),
      400,
      /25000 forecasts.*20000/,
    ],
    ['more to judge than there is', 'online_anomaly_detection', request({ detection_size: 200 }), 422, /at least 201/],
    [
      'steps that leave points out',
      'online_anomaly_detection',
      request({ detection_size: 5, step_size: 3 }),
      400,
      /step_size 3/,
    ],
    ['a level of 100', 'anomaly_detection', request({ level: 100 }), 400, /level 100/],
    ['one point', 'anomaly_detection', request({ series: { y: [1], sizes: [1] } }), 422, /at least 2/],
  ])('refuses %s', async (_, path, body, status, message) => {
    const answer = await call(`/v2/${path}`, body);

    expect(answer.status).toBe(status);
    expect(answer.body['detail']).toMatch(message);
  });

  it('lists what does not fit the schema', async () => {
    const answer = await call('/v2/forecast', request({ h: 0, series: series({ y: [1, '<b>'] }) }));

    expect(answer).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ['body', 'series', 'y', 1] }, { loc: ['body', 'h'] }] },
    });
  });

  it('judges constants, gaps and huge values with finite numbers', async () => {
    for (const value of [0, 5, 1e12, 3.4e38, null]) {
      const values = Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? null : value === null ? i : value));
      const { status, body } = await call<Record<string, number[]>>('/v2/online_anomaly_detection', {
        ...request({ series: { y: values, sizes: [100] }, h: 4, model: 'seasonal-naive' }),
        detection_size: 10,
      });
      expect(status).toBe(200);
      expect([...body['anomaly_score']!, ...body['mean']!].every(Number.isFinite)).toBe(true);
      if (value !== null) expect(body['anomaly']!.some(Boolean)).toBe(false);
    }
  });

  it('speaks of the client’s jobs and paths that it does not know', async () => {
    expect(await call('/v2/forecast/jobs/1')).toMatchObject({
      status: 404,
      body: { detail: expect.any(String) as string },
    });
  });
});
