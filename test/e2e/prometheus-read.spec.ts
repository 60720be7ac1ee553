import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text as readText } from 'node:stream/consumers';
import { makeKey } from '@app/access';
import { ApiKeyRepository } from '@app/persistence';
import { METRIC_NAME, parse } from '@app/promql';
import { ALL_SAMPLES, END, openMetrics, START } from '../../libs/promql/src/battery/samples.js';
import { describeWithPrometheus, PrometheusProcess, promtool } from '../support/prometheus.js';
import { useRestProcess, type RestProcess } from '../support/rest-process.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Time of the first observation of the series of Tidecast. */
const BEGIN = Date.UTC(2026, 0, 1);
/** Everything that SQL, JSON, HTML or a query could trip over. */
const AWKWARD = `'; DROP TABLE series; -- <script>"\\ $1 %s ü 水`;

interface Answer {
  readonly status: number;
  readonly body: {
    readonly status: string;
    readonly errorType?: string;
    readonly error?: string;
    readonly data?: unknown;
  };
}

/** Nothing here is forecast: no model needs to be loaded. */
const rest = useRestProcess(storeAll, {
  forecasterUrl: 'http://127.0.0.1:1',
  env: { PROMETHEUS_MAX_SAMPLES: '3000' },
});

async function storeAll(process: RestProcess): Promise<void> {
  const { dataSource } = process;
  await dataSource.query(`SELECT ensure_observation_partitions('2026-01-01Z', '2026-04-01Z')`);
  for (const { labels, ts, values } of ALL_SAMPLES) {
    // What comes from Prometheus is called so, and has finite values only.
    const own = [...labels].filter(([name]) => name !== METRIC_NAME);
    const text = own.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',');
    const finite = Array.from(values.keys()).filter((i) => Number.isFinite(values[i]));
    await storeSeries(process, {
      itemId: `${labels.get(METRIC_NAME)}{${text}}`,
      channel: 'value',
      labels: Object.fromEntries(own),
      freq: null,
      points: finite.map((i) => [ts[i]!, values[i]!]),
    });
  }
  const hours = (value: (n: number) => number) =>
    Array.from({ length: 240 }, (_, n) => [BEGIN + n * HOUR, value(n)] as const);
  const pump = { site: 'north', 'data.center': 'b1', model: 'X200' };
  await storeSeries(process, { itemId: 'pump-7', channel: 'flow', labels: pump, points: hours((n) => n) });
  await storeSeries(process, { itemId: 'pump-7', channel: 'temp', labels: pump, points: hours(() => 40) });
  await storeSeries(process, {
    itemId: 'pump-8',
    channel: 'flow',
    labels: { site: 'south' },
    points: hours((n) => -n),
  });
  await storeSeries(process, {
    itemId: AWKWARD,
    channel: AWKWARD,
    labels: { [AWKWARD]: AWKWARD },
    points: hours(() => 1),
  });
}

interface Seed {
  readonly itemId: string;
  readonly channel: string;
  readonly labels: Record<string, string>;
  readonly freq?: string | null;
  readonly points: readonly (readonly [ts: number, value: number])[];
}

async function storeSeries({ dataSource }: RestProcess, { itemId, channel, labels, freq = 'PT1H', points }: Seed) {
  await dataSource.query(
    `WITH made AS (INSERT INTO series (item_id, channel, labels, freq) VALUES ($1, $2, $3, $4) RETURNING series_id)
     INSERT INTO observations
     SELECT series_id, to_timestamp(t / 1000), v, 0, now() FROM made, unnest($5::float8[], $6::float8[]) AS p (t, v)`,
    [itemId, channel, labels, freq, points.map(([ts]) => ts), points.map(([, value]) => value)],
  );
}

interface ForecastSeed {
  readonly cutoff: number;
  readonly issuedAt?: number;
  readonly model?: string;
  readonly mean: readonly number[];
}

/** Stores a forecast of pump-7's flow at the levels 0.1 and 0.9, one below and one above the mean. */
async function storeForecast({ cutoff, issuedAt = cutoff, model = 'aggregate', mean }: ForecastSeed): Promise<void> {
  await rest().dataSource.query(
    `INSERT INTO forecasts (forecast_id, series_id, issued_at, cutoff, freq, time_zone, horizon, model, provider, levels, mean, quantiles, status)
     SELECT gen_random_uuid(), series_id, $1, $2, 'PT1H', 'UTC', $3, $4, 'cpu', '{0.1,0.9}', $5, $6, 'ok'
     FROM series WHERE item_id = 'pump-7' AND channel = 'flow'`,
    [new Date(issuedAt), new Date(cutoff), mean.length, model, mean, mean.flatMap((value) => [value - 1, value + 1])],
  );
}

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
  readonly values: readonly (readonly [number, string])[];
}

async function ask(
  path: string,
  params: Record<string, string | number> = {},
  method = 'GET',
  key?: string,
): Promise<Answer> {
  const form = new URLSearchParams(Object.entries(params).map(([name, value]) => [name, String(value)]));
  const url = `${rest().url}/prometheus/api/v1/${path}`;
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await (method === 'POST'
    ? fetch(url, { method: 'POST', body: form, headers })
    : fetch(`${url}?${form.toString()}`, { headers }));
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

/** `data` of an answer. */
async function dataOf(...call: Parameters<typeof ask>): Promise<unknown> {
  return (await ask(...call)).body.data;
}

/** What an endpoint lists. */
async function list(path: string, params: Record<string, string | number> = {}, method = 'GET'): Promise<unknown[]> {
  return dataOf(path, params, method) as Promise<unknown[]>;
}

/** The series of a query that must succeed. */
async function series(path: string, params: Record<string, string | number>, method = 'GET'): Promise<Series[]> {
  const { status, body } = await ask(path, params, method);
  if (status !== 200) throw new Error(body.error);
  return (body.data as { result: Series[] }).result;
}

/** Values of an instant query by the labels that matter, at a time in milliseconds. */
async function instant(query: string, ms: number, params: Record<string, string> = {}): Promise<unknown[]> {
  const found = await series('query', { query, time: ms / 1000, ...params });
  return found.map(({ metric, value }) => [metric, value[1]]);
}

describe('observations', () => {
  it('are a metric with the item, the channel and the labels by names that Prometheus takes', async () => {
    expect(await instant('tidecast_observation{item_id="pump-7"}', BEGIN + 100 * HOUR)).toEqual([
      [
        {
          __name__: 'tidecast_observation',
          item_id: 'pump-7',
          channel: 'flow',
          site: 'north',
          data_center: 'b1',
          exported_model: 'X200',
        },
        '100',
      ],
      [expect.objectContaining({ channel: 'temp' }), '40'],
    ]);
    for (const selector of [
      'data_center="b1"',
      'exported_model="X200"',
      'site=~"nor.*|x"',
      'site=~"north|x", channel!=""',
    ]) {
      expect(await instant(`count(tidecast_observation{${selector}})`, BEGIN + HOUR)).toEqual([[{}, '2']]);
    }
  });

  it('count for two steps of their series, or as long as the query says', async () => {
    const last = BEGIN + 239 * HOUR;

    expect(await instant('tidecast_observation{item_id="pump-7",channel="flow"}', last + 2 * HOUR)).toHaveLength(1);
    expect(await instant('tidecast_observation{item_id="pump-7",channel="flow"}', last + 2 * HOUR + 1)).toHaveLength(0);
    expect(
      await instant('tidecast_observation{item_id="pump-8"}', last + 6 * HOUR, { lookback_delta: '6h' }),
    ).toHaveLength(1);
    expect(await instant('tidecast_observation{item_id="pump-8"}', last + HOUR, { lookback_delta: '1m' })).toHaveLength(
      0,
    );
  });

  it('are aggregated over time', async () => {
    const query = 'sum by (site) (rate(tidecast_observation{channel="flow"}[12h]))';
    const [start, end] = [BEGIN / 1000 + 86_400, BEGIN / 1000 + 2 * 86_400];
    const [north, south] = await series('query_range', { query, start, end, step: '6h' }, 'POST');

    expect(north?.metric).toEqual({ site: 'north' });
    expect(south?.metric).toEqual({ site: 'south' });
    expect(north?.values).toHaveLength(5);
    expect(Number(north?.values[0]?.[1]) * 3600).toBeCloseTo(1, 12);
  });
});

describe('forecasts', () => {
  const cutoff = BEGIN + 239 * HOUR;
  beforeAll(async () => {
    await storeForecast({ cutoff: cutoff - 2 * HOUR, model: 'ets', mean: [10, 11, 12, 13, 14, 15] });
    await storeForecast({ cutoff, mean: [20, 21, 22] });
    await storeForecast({ cutoff, issuedAt: cutoff + HOUR, mean: [30, 31] });
  });

  const flow = (metric: string, more = '') => `${metric}{item_id="pump-7",channel="flow"${more}}`;

  it('lie ahead, every time from the newest forecast that covers it', async () => {
    const query = `${flow('tidecast_forecast_mean')}[10h] offset -10h`;
    const found = (await series('query', { query, time: (cutoff - HOUR) / 1000 })).map(({ metric, values }) => [
      metric['model'],
      values,
    ]);

    expect(found).toEqual([
      [
        'aggregate',
        [
          [cutoff / 1000 + 3600, '30'],
          [cutoff / 1000 + 7200, '31'],
          [cutoff / 1000 + 10_800, '22'],
        ],
      ],
      [
        'ets',
        [
          [cutoff / 1000 - 3600, '10'],
          [cutoff / 1000, '11'],
          [cutoff / 1000 + 14_400, '15'],
        ],
      ],
    ]);
  });

  it('have a series a quantile level, and end with their last step', async () => {
    expect(await instant(flow('tidecast_forecast', ',model="aggregate"'), cutoff + 90 * 60_000)).toEqual([
      [expect.objectContaining({ quantile: '0.1', model: 'aggregate', site: 'north', exported_model: 'X200' }), '29'],
      [expect.objectContaining({ quantile: '0.9' }), '31'],
    ]);
    expect(await instant(flow('tidecast_forecast'), cutoff + 6 * HOUR)).toEqual([]);
  });

  it('are those that had been issued by a time, where one is named', async () => {
    const asOf = new Date(cutoff + HOUR / 2).toISOString();

    expect(await instant(flow('tidecast_forecast_mean'), cutoff + HOUR, { as_of: asOf })).toEqual([
      [expect.anything(), '20'],
    ]);
    expect(await instant(flow('tidecast_forecast_mean'), cutoff + HOUR)).toEqual([[expect.anything(), '30']]);
  });

  it('answer what an alert rule asks: will it pass a limit within the day', async () => {
    const ahead = `max_over_time(${flow('tidecast_forecast', ',quantile="0.9"')}[1d] offset -1d) > 30`;
    const gap = `tidecast_observation{channel="flow"} - on(item_id, channel) tidecast_forecast{quantile="0.9", model="ets"}`;

    expect(await instant(ahead, cutoff)).toEqual([[expect.objectContaining({ item_id: 'pump-7' }), '32']]);
    expect(await instant(gap, cutoff)).toEqual([[{ item_id: 'pump-7', channel: 'flow' }, String(239 - 12)]]);
  });

  it('are listed with their models and levels', async () => {
    const match = { 'match[]': '{__name__=~"tidecast_forecast.*", channel="flow"}' };

    expect(await list('label/quantile/values', match)).toEqual(['0.1', '0.9']);
    expect(await list('label/model/values', match)).toEqual(['aggregate']);
    expect(await list('label/model/values', { ...match, start: BEGIN / 1000, end: cutoff / 1000 })).toEqual(['ets']);
  });
});

describe('anomalies and scores', () => {
  const at = BEGIN + 50 * HOUR;
  beforeAll(async () => {
    await rest().dataSource.query(
      `INSERT INTO anomalies (anomaly_id, item_id, channel, ts, value, expected, score, grade, severity, confidence, event_from, rule, alert, explanation, detected_at)
       SELECT gen_random_uuid(), 'pump-7', c, $1, 1, 5, 2.5, 0.5, 1, 0.9, $1, 'r', c IS NOT NULL, '{}', now()
       FROM unnest(ARRAY['flow', NULL]) AS c`,
      [new Date(at)],
    );
    await rest().dataSource.query(
      `INSERT INTO scores SELECT series_id, 'aggregate', lead, '2026-01-03', 10, 2, 20, 8, 9, 30, 60, 5, 6, 10, '{}'
       FROM series, unnest(ARRAY[1, 2]) AS lead WHERE item_id = 'pump-7' AND channel = 'flow'`,
    );
  });

  it('show an anomaly at its time, of a channel or of the item', async () => {
    expect(await instant('tidecast_anomaly_score{site="north"}', at + HOUR / 2)).toEqual([
      [expect.objectContaining({ item_id: 'pump-7', channel: 'flow' }), '2.5'],
      [expect.not.objectContaining({ channel: expect.anything() }), '2.5'],
    ]);
    expect(await instant('tidecast_anomaly_alert == 1', at)).toHaveLength(1);
    expect(await instant('tidecast_anomaly_score', at + 2 * HOUR)).toEqual([]);
    expect(await instant('count(count_over_time(tidecast_anomaly_score[7d]))', at + DAY)).toEqual([[{}, '2']]);
  });

  it('shows the scorecard of a day on that day', async () => {
    const noon = Date.UTC(2026, 0, 3, 12);

    expect(await instant('tidecast_forecast_coverage{item_id="pump-7", lead_bucket="1"}', noon)).toEqual([
      [expect.objectContaining({ coverage: '0.8', model: 'aggregate' }), '0.8'],
      [expect.objectContaining({ coverage: '0.95' }), '0.9'],
    ]);
    expect(await instant('sum(tidecast_forecast_scored_points)', noon)).toEqual([[{}, '20']]);
    expect(await instant('tidecast_forecast_coverage', noon - DAY)).toEqual([]);
  });
});

describe('what there is', () => {
  it('names metrics, labels and their values', async () => {
    const names = await list('label/__name__/values');

    expect(names).toEqual(
      expect.arrayContaining(['flow', 'limit', 'requests_total', 'tidecast_observation', 'tidecast_forecast']),
    );
    expect(await list('labels', { 'match[]': 'flow' })).toEqual(['__name__', 'env', 'pump', 'site']);
    expect(await list('label/site/values', { 'match[]': 'flow{env="prod"}' })).toEqual(['a', 'b']);
    expect(await list('label/item_id/values')).toEqual([AWKWARD, 'pump-7', 'pump-8'].sort());
    expect(await list('labels', {}, 'POST')).toEqual(expect.arrayContaining(['item_id', 'lead_bucket', 'quantile']));
  });

  it('lists series, of a stretch of time where one is named', async () => {
    const match = { 'match[]': '{item_id="pump-8"}' };

    expect(await list('series', match)).toEqual([
      { __name__: 'tidecast_observation', item_id: 'pump-8', channel: 'flow', site: 'south' },
    ]);
    expect(await list('series', { ...match, start: BEGIN / 1000, end: BEGIN / 1000 })).toHaveLength(1);
    expect(await list('series', { ...match, start: END / 1000 })).toHaveLength(0);
  });

  it('tells metadata and the version that it speaks', async () => {
    expect(await dataOf('metadata', { metric: 'tidecast_forecast' })).toEqual({
      tidecast_forecast: [{ type: 'gauge', help: expect.stringContaining('quantile'), unit: '' }],
    });
    expect(Object.keys((await dataOf('metadata', { limit: 2 })) as object)).toHaveLength(2);
    expect(await dataOf('status/buildinfo')).toMatchObject({ version: '2.42.0' });
  });
});

describe('bad input', () => {
  const range = { start: BEGIN / 1000, end: BEGIN / 1000 + 3600, step: 60 };

  it.each<[string, string, Record<string, string | number>, number, string, RegExp]>([
    ['no query', 'query', {}, 400, 'bad_data', /invalid parameter "query": .*no expression found/],
    ['a broken query', 'query', { query: 'sum(' }, 400, 'bad_data', /1:5: parse error: unexpected end of input/],
    ['an unknown function', 'query', { query: 'foo(x)' }, 400, 'bad_data', /unknown function with name "foo"/],
    [
      'a function that is not supported',
      'query',
      { query: 'histogram_quantile(0.9, x)' },
      400,
      'bad_data',
      /histogram_quantile\(\) is not supported/,
    ],
    [
      'a wrong time',
      'query',
      { query: '1', time: 'soon' },
      400,
      'bad_data',
      /invalid parameter "time": cannot parse "soon"/,
    ],
    ['a time beyond all dates', 'query', { query: 'x', time: '1e300' }, 400, 'bad_data', /valid timestamp/],
    ['no start', 'query_range', { query: '1', end: 1, step: 1 }, 400, 'bad_data', /invalid parameter "start"/],
    ['no step', 'query_range', { query: '1', start: 1, end: 1 }, 400, 'bad_data', /invalid parameter "step"/],
    [
      'a step of zero',
      'query_range',
      { ...range, query: '1', step: 0 },
      400,
      'bad_data',
      /zero or negative query resolution/,
    ],
    ['a step below zero', 'query_range', { ...range, query: '1', step: -5 }, 400, 'bad_data', /zero or negative/],
    [
      'an end before the start',
      'query_range',
      { ...range, query: '1', end: 1 },
      400,
      'bad_data',
      /must not be before start/,
    ],
    [
      'too many points',
      'query_range',
      { ...range, query: '1', step: '0.1' },
      400,
      'bad_data',
      /exceeded maximum resolution of 11,000/,
    ],
    [
      'a range over a text',
      'query_range',
      { ...range, query: '"a"' },
      400,
      'bad_data',
      /must be Scalar or instant Vector/,
    ],
    [
      'too many samples',
      'query',
      { query: '{__name__=~".+"}[90d]', time: END / 1000 },
      422,
      'execution',
      /too many samples/,
    ],
    [
      'too large a result',
      'query_range',
      { ...range, query: 'sum_over_time(vector(1)[1h:10ms])' },
      422,
      'execution',
      /too many samples/,
    ],
    [
      'series that do not match',
      'query',
      { query: 'flow * on(site) flow', time: END / 1000 },
      422,
      'execution',
      /many-to-many matching not allowed/,
    ],
    [
      'a timeout',
      'query_range',
      {
        query: 'max_over_time(requests_total[2h])',
        start: END / 1000 - 7_000,
        end: END / 1000,
        step: 10,
        timeout: '1ms',
      },
      503,
      'timeout',
      /timed out/,
    ],
    ['no selector', 'series', {}, 400, 'bad_data', /no match\[\] parameter/],
    ['an expression for a selector', 'series', { 'match[]': 'sum(x)' }, 400, 'bad_data', /is no series selector/],
    [
      'a broken expression of labels',
      'labels',
      { 'match[]': 'x{a=~"("}' },
      400,
      'bad_data',
      /invalid parameter "match\[\]".*missing/,
    ],
    ['a wrong label name', 'label/a-b/values', {}, 400, 'bad_data', /invalid label name/],
    ['a look-back of nothing', 'query', { query: 'x', lookback_delta: '0s' }, 400, 'bad_data', /lookback_delta/],
    ['an unknown path', 'rules', {}, 404, 'not_found', /./],
  ])('%s is told in the form of Prometheus', async (_name, path, params, status, errorType, error) => {
    const answer = await ask(path, params);

    expect(answer).toMatchObject({ status, body: { status: 'error', errorType, error: expect.stringMatching(error) } });
  });

  it('finds hostile names and executes nothing of them', async () => {
    const quoted = JSON.stringify(AWKWARD);
    for (const matcher of [
      `item_id=${quoted}`,
      `channel=${quoted}`,
      `item_id!="", channel=~${JSON.stringify(`${AWKWARD.slice(0, 4)}.*`)}`,
    ]) {
      expect(await instant(`count(tidecast_observation{${matcher}})`, BEGIN)).toEqual([[{}, '1']]);
    }
    for (const hostile of [
      AWKWARD,
      `x') OR 1=1; --`,
      '"}',
      '\u0000',
      '{{__name__}}',
      '%00',
      "\\'; SELECT pg_sleep(9)",
    ]) {
      const text = JSON.stringify(hostile);
      expect(
        await instant(
          `tidecast_observation{site=${text}} or {__name__=${text}} or x{a=~".+", ${text.includes('u0000') ? 'b="1"' : `c=${text}`}}`,
          BEGIN,
        ),
      ).toEqual([]);
    }
    const { status } = await ask(`label/${encodeURIComponent(AWKWARD)}/values`);
    expect(status).toBe(400);
    expect(await instant('count(tidecast_observation)', BEGIN)).toEqual([[{}, '4']]);
  });

  it('takes an expression that would keep others busy for ever in no time', async () => {
    expect(await instant('tidecast_observation{item_id=~"(x+x+)+y"}', BEGIN)).toEqual([]);
  });
});

describe('keys', () => {
  it('show no item that they are not for', async () => {
    const { keyId, text, hash } = makeKey();
    const own = {
      name: 'pumps',
      scopes: ['read'] as const,
      itemPrefixes: ['pump-7'],
      createdBy: 'test',
      expiresAt: null,
    };
    await new ApiKeyRepository(rest().dataSource).create({ keyId, hash, ...own });
    const items = (path: string, params: Record<string, string>) => dataOf(path, params, 'GET', text);

    expect(await items('label/item_id/values', {})).toEqual(['pump-7']);
    expect(await items('query', { query: 'flow', time: String(END / 1000) })).toMatchObject({ result: [] });
    expect(
      await items('query', { query: 'count by (item_id) ({item_id=~".+"})', time: String(BEGIN / 1000) }),
    ).toMatchObject({
      result: [{ metric: { item_id: 'pump-7' } }],
    });
  });
});

describe('docs/prometheus.md', () => {
  const guide = readFileSync('docs/prometheus.md', 'utf8');
  const blocks = (language: string) =>
    [...guide.matchAll(/```(\w+)\n([\s\S]*?)```/g)]
      .filter(([, found]) => found === language)
      .map(([, , block]) => block!);

  it.each(blocks('promql'))('%s', async (query) => {
    expect(() => parse(query)).not.toThrow();
    expect(await series('query', { query, time: BEGIN / 1000 })).toEqual(expect.any(Array));
  });

  // A machine without curl can't follow the guide either.
  (spawnSync('curl', ['--version']).status === 0 ? it : it.skip)('shows commands that work', async () => {
    const script = `set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n${blocks('sh').join('\n')}`;
    const env = { ...process.env, PROM: `${rest().url}/prometheus` };
    const shell = spawn('bash', ['-c', script], { env });
    const [output, [code]] = await Promise.all([readText(shell.stdout), once(shell, 'exit')]);

    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('"status":"success"') });
  });
});

describeWithPrometheus('beside a real Prometheus on the same samples', () => {
  let prometheus: PrometheusProcess;
  beforeAll(async () => {
    prometheus = await PrometheusProcess.start({ openMetrics: openMetrics() });
  }, 60_000);
  afterAll(() => prometheus.stop());

  /** `strange` holds what no observation can be; series that Prometheus alone has would differ. */
  it.each([
    'flow',
    'flow{site=~"a|b", pump!="2"}',
    'limit @ 1772323200',
    'sum by (site) (rate(requests_total[5m]))',
    'avg_over_time(flow[10m]) > on(site) group_left limit',
    'max_over_time(rate(requests_total{code="200"}[2m])[30m:5m])',
    'label_replace(text, "port", "$1", "host", ".*:(.*)")',
    'quantile(0.9, flow) or vector(0)',
    'absent(flow{site="z"})',
    'topk(2, flow)',
    'predict_linear(flow[20m], 3600)',
    '{__name__=~"fl.*|lim.*"}',
    '1 + 1',
  ])('answers in the same bytes: %s', async (query) => {
    const theirs = async (path: string, params: Record<string, string>) => {
      const response = await fetch(`${prometheus.url}/api/v1/${path}?${new URLSearchParams(params).toString()}`);
      return (await response.json()) as Answer['body'];
    };
    const range = { query, start: String(START / 1000), end: String(END / 1000 + 600), step: '97' };
    const bySeries = ({ data }: Answer['body']) => {
      const { resultType, result } = data as { resultType: string; result: { metric?: object }[] };
      if (resultType === 'scalar') return { resultType, result };
      return { resultType, result: result.map((one) => JSON.stringify(one, sortKeys)).sort() };
    };

    expect(bySeries((await ask('query_range', range)).body)).toEqual(bySeries(await theirs('query_range', range)));
    const time = { query, time: String(END / 1000) };
    expect(bySeries((await ask('query', time)).body)).toEqual(bySeries(await theirs('query', time)));
  });

  it('is read by promtool', async () => {
    const server = `${rest().url}/prometheus`;
    const at = new Date(BEGIN + 5 * HOUR).toISOString().replace('.000', '');

    const found = await promtool('query', 'instant', `--time=${at}`, server, 'tidecast_observation{channel="flow"}');
    expect(found).toMatchObject({ code: 0, output: expect.stringMatching(/item_id="pump-7".* => 5 @\[/) });
    const over = await promtool(
      'query',
      'range',
      `--start=${BEGIN / 1000}`,
      `--end=${BEGIN / 1000 + 7200}`,
      '--step=1h',
      server,
      'sum(tidecast_observation)',
    );
    expect(over.output.match(/@\[/g)).toHaveLength(3);
    const series = await promtool(
      'query',
      'series',
      '--match=flow{site="a"}',
      `--start=${START / 1000}`,
      `--end=${END / 1000}`,
      server,
    );
    expect(series.output.trim().split('\n')).toHaveLength(2);
    const labels = await promtool('query', 'labels', `--start=${START / 1000}`, `--end=${END / 1000}`, server, 'site');
    expect(labels.output.trim().split('\n')).toEqual(expect.arrayContaining(['a', 'b', 'c']));
    const broken = await promtool('query', 'instant', server, 'sum(');
    expect(broken).toMatchObject({ code: 1, errors: expect.stringContaining('parse error') });
  });
});

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
