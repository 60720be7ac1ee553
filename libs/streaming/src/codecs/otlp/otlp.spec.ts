import { readFileSync } from 'node:fs';

import { NOW, codesOf, decoded, formatsWith } from '../../../test/decoded.js';
import { otlpMetrics } from '../samples/producers.js';
import { histogramQuantile } from './histogram-quantile.js';

const AT = Date.UTC(2026, 2, 1, 12);
const IDENTITY = 'service.instance.id="a-1",service.name="shop"';

/** Item, channel and value of every point, as the SDK's metrics must come out whatever the encoding. */
const EXPECTED = [
  [`http.server.duration{http.route="/",${IDENTITY}}`, 'count', 5],
  [`http.server.duration{http.route="/",${IDENTITY}}`, 'sum', 645],
  [`http.server.duration{http.route="/",${IDENTITY}}`, 'min', 5],
  [`http.server.duration{http.route="/",${IDENTITY}}`, 'max', 500],
  // 1.5 of the 3 in (10, 100] lie below; 0.5 and 0.95 of the one in (100, 1000].
  [`http.server.duration{http.route="/",${IDENTITY}}`, 'p50', 55],
  [`http.server.duration{http.route="/",${IDENTITY}}`, 'p90', 550],
  [`http.server.duration{http.route="/",${IDENTITY}}`, 'p99', 955],
  [`payload.size{${IDENTITY}}`, 'count', 1],
  [`payload.size{${IDENTITY}}`, 'sum', 1024],
  [`payload.size{${IDENTITY}}`, 'min', 1024],
  [`payload.size{${IDENTITY}}`, 'max', 1024],
  [`queue.length{${IDENTITY}}`, 'value', 7.5],
  [`orders{http.route="/buy",paid="true",${IDENTITY}}`, 'value', 3],
];

const stored = (name: string) => readFileSync(new URL(`../samples/${name}`, import.meta.url));
/** When the stored samples were made: of both encodings the same. */
const SAMPLED = sampleTime();

function sampleTime(): number {
  const [, nanos] = /"timeUnixNano":"(\d+)"/.exec(stored('otlp.ndjson').toString())!;
  return Number(BigInt(nanos!) / 1_000_000n);
}

function request(metric: object, attributes: object[] = []) {
  return JSON.stringify({
    resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics: [{ name: 'm', ...metric }] }] }],
  });
}
const gauge = (...dataPoints: object[]) => request({ gauge: { dataPoints } });
const point = (over: object = {}) => ({ timeUnixNano: `${AT}000001`, asDouble: 1.5, ...over });

describe('OTLP metrics', () => {
  it.each(['otlp.ndjson', 'otlp.pb'])('reads the stored sample %s of the SDK', (name) => {
    const { points, declared, errors } = decoded(stored(name), { now: SAMPLED });
    expect(errors).toEqual([]);
    expect(points.map(([item, channel, , value]) => [item, channel, Math.round(value * 1e9) / 1e9])).toEqual(EXPECTED);
    expect(new Set(points.map(([, , ts]) => ts))).toEqual(new Set([SAMPLED]));
    expect(declared[0]).toEqual([
      EXPECTED[0]![0],
      ['sum', 'min', 'max', 'p50', 'p90', 'p99'],
      {
        unit: 'ms',
        labels: { 'http.route': '/', 'os.type': 'linux', 'service.instance.id': 'a-1', 'service.name': 'shop' },
      },
    ]);
  });

  it('reads what the SDK writes now, in both encodings alike', async () => {
    const { json, protobuf } = await otlpMetrics();
    const now = Date.now();
    const [a, b] = [decoded(json, { now }), decoded(protobuf, { now })];
    expect(a).toEqual(b);
    expect(a.points.map(([item, channel]) => [item, channel])).toEqual(
      EXPECTED.map(([item, channel]) => [item, channel]),
    );
  });

  it('reads whole numbers, gaps, unknown times and the names of the protocol', () => {
    const whole = { timeUnixNano: `${AT}000000`, asInt: '9007199254740991' };
    const { points, errors } = decoded(
      gauge(whole, point({ flags: 1 }), point({ timeUnixNano: '0' }), { time_unix_nano: `${AT}000000`, as_int: 4 }),
      { timestamp: NOW - 1 },
    );
    expect(errors).toEqual([]);
    expect(points.map(([, , ts, value]) => [ts, value])).toEqual([
      [AT, 9_007_199_254_740_991],
      [NOW - 1, 1.5],
      [AT, 4],
    ]);
  });

  it('reads cumulative histograms without quantiles, and summaries with theirs', () => {
    const dataPoint = {
      timeUnixNano: `${AT}000000`,
      count: '4',
      sum: 8,
      bucketCounts: ['1', '3'],
      explicitBounds: [1],
    };
    const histogram = decoded(request({ histogram: { aggregationTemporality: 2, dataPoints: [dataPoint] } }));
    expect(histogram.points.map(([, channel, , value]) => [channel, value])).toEqual([
      ['count', 4],
      ['sum', 8],
    ]);
    const quantileValues = [
      { quantile: 0.5, value: 1 },
      { quantile: 0.999, value: 7 },
      { quantile: 1, value: 'NaN' },
    ];
    const summary = decoded(request({ summary: { dataPoints: [{ ...dataPoint, quantileValues }] } }));
    expect(summary.points.map(([, channel, , value]) => [channel, value])).toEqual([
      ['count', 4],
      ['sum', 8],
      ['p50', 1],
      ['p99.9', 7],
    ]);
  });

  it('names items and channels by the settings', () => {
    const formats = formatsWith({ OTLP_ITEM: '{host.name}', OTLP_CHANNEL: '{metric}.{field}' });
    const attributes = [{ key: 'host.name', value: { stringValue: 'web-1' } }];
    const text = request({ gauge: { dataPoints: [point()] } }, attributes);
    expect(decoded(text, { formats }).points).toEqual([['web-1', 'm.value', AT, 1.5]]);
    expect(decoded(gauge(point()), { formats }).errors).toEqual([
      { code: 'ITEM_ID_INVALID', message: expect.stringContaining('no "host.name", which OTLP_ITEM asks for') },
    ]);
    const identity = formatsWith({ OTLP_IDENTITY: 'os.type' });
    expect(decoded(stored('otlp.pb'), { formats: identity, now: SAMPLED }).points.at(-2)![0]).toBe(
      'queue.length{os.type="linux"}',
    );
  });

  it('loses no point beside a bad one', () => {
    const { points, errors } = decoded(
      gauge(point(), point({ asDouble: 'NaN' }), point({ timeUnixNano: 'x' }), point()),
    );
    expect(points).toHaveLength(2);
    expect(errors.map(({ code }) => code)).toEqual(['VALUE_NOT_FINITE', 'TS_INVALID']);
    const metrics = [7, { name: 'ok', gauge: { dataPoints: [point()] } }];
    const mixed = decoded(JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }));
    expect(mixed.points).toHaveLength(1);
    expect(codesOf(mixed)).toEqual(['MALFORMED_OTLP']);
  });

  it.each([
    [{ resourceMetrics: [] }, 'EMPTY_RECORD'],
    [{ resourceMetrics: 7 }, 'MALFORMED_OTLP'],
    [{ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ gauge: {} }] }] }] }, 'ITEM_ID_INVALID'],
    [{ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'a', novel: {} }] }] }] }, 'UNKNOWN_FORMAT'],
  ])('refuses %j', (body, code) => {
    expect(codesOf(decoded(JSON.stringify(body)))[0]).toBe(code);
  });

  it.each([
    [{ asDouble: 'Infinity' }, 'VALUE_NOT_FINITE'],
    [{ asDouble: undefined }, 'VALUE_NOT_FINITE'],
    [{ timeUnixNano: `${NOW + 86_400_001}000000` }, 'TS_IN_FUTURE'],
    [{ timeUnixNano: '9'.repeat(1000) }, 'TS_INVALID'],
    [{ attributes: [{ key: 'a\u0000', value: { stringValue: 'x' } }] }, 'ITEM_ID_INVALID'],
  ])('refuses a point with %j', (over, code) => {
    const all = decoded(gauge(point(over)));
    expect(all.points).toEqual([]);
    expect(codesOf(all)).toEqual([code]);
  });

  it('refuses protobuf that is cut short, wherever it is cut', () => {
    const whole = stored('otlp.pb');
    const headers = { 'tidecast-format': 'otlp' };
    for (let length = 1; length < whole.length; length++) {
      const all = decoded(whole.subarray(0, length), { headers, now: SAMPLED });
      expect(all.points).toEqual([]);
      expect(codesOf(all)).toEqual(['MALFORMED_OTLP']);
    }
  });

  it('does not take JSON that begins with a line feed for protobuf', () => {
    const record = JSON.stringify({ item_id: 'a', ts: '2026-03-01', values: { flow: 1 } });
    // A length that makes the first two bytes the frame of a field that fills the record.
    const text = `\n${record.padEnd(0x7b + 1, ' ')}`;
    expect(text.charCodeAt(1)).toBe(text.length - 2);
    expect(decoded(text).points).toHaveLength(1);
  });
});

describe('histogramQuantile', () => {
  it.each([
    [0.5, [0, 10, 0], [1, 2], 1.5],
    [0.5, [10, 0, 0], [1, 2], 0.5],
    [0.5, [10, 0], [-1], -1],
    [0.99, [1, 0, 9], [1, 2], 2],
    [0.25, [4, 0, 4], [1, 2], 0.5],
  ])('gives the %d quantile of %j below %j as %d', (level, counts, bounds, expected) => {
    expect(histogramQuantile(level, counts, bounds)).toBeCloseTo(expected, 12);
  });

  it('has none of an empty or a broken histogram', () => {
    expect(histogramQuantile(0.5, [0, 0], [1])).toBeNaN();
    expect(histogramQuantile(0.5, [1, 1, 1], [1])).toBeNaN();
    expect(histogramQuantile(0.5, [], [])).toBeNaN();
    expect(histogramQuantile(0.5, [Number.NaN, 1], [1])).toBeNaN();
  });
});
