import protobuf from 'protobufjs';
import { compress } from 'snappyjs';
import { describeWithPrometheus, PrometheusProcess } from '../support/prometheus.js';
import { eventually } from '../support/processes.js';
import { useRestProcess } from '../support/rest-process.js';

/** As in prompb/remote.proto and types.proto of Prometheus. */
const WriteRequest = protobuf
  .parse(
    `syntax = "proto3";
     message WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
     message MetricMetadata { uint32 type = 1; string metric_family_name = 2; }
     message TimeSeries {
       repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; repeated Histogram histograms = 4;
     }
     message Label { string name = 1; string value = 2; }
     message Sample { double value = 1; int64 timestamp = 2; }
     message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
     message Histogram { uint64 count_int = 1; int64 timestamp = 15; }`,
  )
  .root.lookupType('WriteRequest');

/** Nothing here is forecast: no model needs to be loaded. */
const rest = useRestProcess(undefined, {
  ingest: true,
  forecasterUrl: 'http://127.0.0.1:1',
  env: { MAX_BODY_BYTES: '100000' },
});

const NOW = Date.UTC(2026, 5, 1);
const MINUTE = 60_000;

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples?: readonly (readonly [ts: number, value: number])[];
  readonly [other: string]: unknown;
}

function request(...all: readonly Series[]): Buffer {
  const timeseries = all.map(({ labels, samples = [], ...others }) => ({
    labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
    samples: samples.map(([timestamp, value]) => ({ timestamp, value })),
    ...others,
  }));
  return Buffer.from(compress(Buffer.from(WriteRequest.encode(WriteRequest.create({ timeseries })).finish())));
}

async function write(body: Buffer, path = '/api/v1/write', headers: Record<string, string> = {}) {
  const response = await fetch(`${rest().url}${path}`, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
      ...headers,
    },
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}

/** Points of an item once there are that many. */
async function points(itemId: string, count: number): Promise<(readonly [number, number])[]> {
  return eventually(async () => {
    const rows = await rest().dataSource.query<{ ts: Date; value: number }[]>(
      `SELECT ts, value FROM observation_points WHERE item_id = $1 AND channel = 'value' ORDER BY ts`,
      [itemId],
    );
    return rows.length >= count && rows.map(({ ts, value }) => [ts.getTime(), value] as const);
  });
}

async function read(query: string, ms: number): Promise<unknown> {
  const form = new URLSearchParams({ query, time: String(ms / 1000) });
  const response = await fetch(`${rest().url}/prometheus/api/v1/query?${form.toString()}`);
  const { data } = (await response.json()) as { data: { result: unknown } };
  return data.result;
}

describe('remote write', () => {
  it('stores samples under the name and the labels of their series, and reads them back by these', async () => {
    const labels = { __name__: 'node_load1', instance: 'web-1:9100', job: 'node' };
    const samples = [0, 1, 2].map((n) => [NOW + n * MINUTE, n + 0.5] as const);

    expect(await write(request({ labels, samples }))).toEqual({ status: 204, body: {} });
    expect(await points('node_load1{instance="web-1:9100",job="node"}', 3)).toEqual(samples);
    expect(await read('node_load1{job="node"}[5m]', NOW + 2 * MINUTE)).toEqual([
      { metric: labels, values: samples.map(([ts, value]) => [ts / 1000, String(value)]) },
    ]);
    expect(await read('tidecast_observation{job="node"}', NOW)).toEqual([]);
  });

  it('is open beside the reading half as well', async () => {
    const series = { labels: { __name__: 'up', job: 'beside' }, samples: [[NOW, 1]] as const };

    expect(await write(request(series), '/prometheus/api/v1/write')).toEqual({ status: 204, body: {} });
    expect(await points('up{job="beside"}', 1)).toEqual([[NOW, 1]]);
  });

  it('takes markers of staleness, NaN and infinity as gaps', async () => {
    // The bits that Prometheus ends a series with, and what else is no number.
    const stale = Buffer.from('7ff0000000000002', 'hex').readDoubleBE();
    const values = [1, stale, NaN, Infinity, -Infinity, 6];
    const samples = values.map((value, n) => [NOW + n * MINUTE, value] as const);

    expect((await write(request({ labels: { __name__: 'gaps', a: 'b' }, samples }))).status).toBe(204);
    expect(await points('gaps{a="b"}', 2)).toEqual([samples[0], samples[5]]);
    expect((await write(request({ labels: { __name__: 'gaps', a: 'b' }, samples: [[NOW, stale]] }))).status).toBe(204);
  });

  it('takes samples again, late and corrected, as docs/observations.md says', async () => {
    const labels = { __name__: 'again', a: 'b' };
    const at = (minute: number, value: number) => [NOW + minute * MINUTE, value] as const;
    for (const samples of [[at(0, 1), at(2, 3)], [at(0, 1), at(2, 3)], [at(1, 2)], [at(2, 4)]]) {
      expect((await write(request({ labels, samples }))).status).toBe(204);
    }

    await eventually(async () => (await points('again{a="b"}', 3))[2]?.[1] === 4);
    expect(await points('again{a="b"}', 3)).toEqual([at(0, 1), at(1, 2), at(2, 4)]);
  });

  it('keeps the good samples beside bad ones, and says what is wrong with the first', async () => {
    const good = { labels: { __name__: 'good', a: 'b' }, samples: [[NOW, 1]] as const };
    const future = { labels: { __name__: 'future', a: 'b' }, samples: [[Date.UTC(2100, 0, 1), 1]] as const };

    expect(await write(request(good, future, { labels: { a: 'nameless' }, samples: [[NOW, 1]] }))).toMatchObject({
      status: 400,
      body: {
        code: 'INVALID_REQUEST',
        detail: expect.stringMatching(/^2 of 3 samples are not stored, the others are; the first: .*MAX_FUTURE/),
        errors: [
          { index: 1, code: 'TS_IN_FUTURE' },
          { index: 2, code: 'ITEM_ID_INVALID', message: expect.stringContaining('__name__') },
        ],
      },
    });
    expect(await points('good{a="b"}', 1)).toEqual([[NOW, 1]]);
  });

  it('keeps hostile names to themselves', async () => {
    const value = `'; DROP TABLE series; -- "\\ <script>\n`;
    const { status } = await write(request({ labels: { __name__: 'hostile', a: value }, samples: [[NOW, 1]] }));
    const answer = await write(request({ labels: { __name__: '\u0000', a: 'b' }, samples: [[NOW, 1]] }));

    // A label with a line break is not kept; its series is another one all the same.
    expect([status, answer.status]).toEqual([204, 400]);
    const printable = { labels: { __name__: 'hostile', a: value.trim() }, samples: [[NOW, 1]] as const };
    expect((await write(request(printable))).status).toBe(204);
    await eventually(async () => ((await read('hostile{a!=""}', NOW)) as unknown[]).length === 1);
    expect(await read('hostile{a!=""}', NOW)).toMatchObject([{ metric: { a: value.trim() } }]);
    expect(await read('count(hostile)', NOW)).toMatchObject([{ value: [NOW / 1000, '2'] }]);
  });

  const series = { labels: { __name__: 'x', a: 'b' }, samples: [[NOW, 1]] as const };
  const big = { ...series, samples: Array.from({ length: 20_000 }, () => [NOW, 0] as const) };
  it.each<[string, () => Buffer, Record<string, string>, number, string, RegExp]>([
    ['a body that is no snappy', () => Buffer.from('hello'), {}, 400, 'INVALID_REQUEST', /not compressed by snappy/],
    ['a body that was cut', () => request(series).subarray(0, 9), {}, 400, 'INVALID_REQUEST', /can't be read/],
    ['a body of one byte', () => Buffer.from([0x80]), {}, 400, 'INVALID_REQUEST', /not compressed by snappy/],
    [
      'no WriteRequest',
      () => Buffer.from(compress(Buffer.from('\u00ff\u00ff nonsense'))),
      {},
      400,
      'INVALID_REQUEST',
      /no WriteRequest of remote write 1.0/,
    ],
    ['a body that becomes too large', () => request(big), {}, 413, 'PAYLOAD_TOO_LARGE', /more than 100000/],
    [
      'one that claims to become gigabytes',
      () => Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00]),
      {},
      413,
      'PAYLOAD_TOO_LARGE',
      /4294967295 bytes/,
    ],
    ['too large a body', () => Buffer.alloc(100_001), {}, 413, 'PAYLOAD_TOO_LARGE', /./],
    [
      'no compression',
      () => request(series),
      { 'content-encoding': 'identity' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /snappy/,
    ],
    ['another type', () => request(series), { 'content-type': 'application/json' }, 400, 'MALFORMED_JSON', /./],
    [
      'native histograms',
      () => request({ labels: { __name__: 'h' }, histograms: [{ countInt: 1, timestamp: NOW }] }),
      {},
      400,
      'UNKNOWN_FORMAT',
      /native histogram/,
    ],
    ['a time beyond all dates', () => request({ ...series, samples: [[2 ** 62, 1]] }), {}, 400, 'TS_IN_FUTURE', /./],
  ])('refuses %s', async (_name, body, headers, status, code, detail) => {
    expect(await write(body(), '/api/v1/write', headers)).toMatchObject({
      status,
      body: { code, detail: expect.stringMatching(detail) },
    });
  });

  it('has nothing to do where there is nothing', async () => {
    expect((await write(request())).status).toBe(204);
    expect((await write(request({ labels: { __name__: 'empty', a: 'b' } }))).status).toBe(204);
  });
});

describeWithPrometheus('a real Prometheus that writes to us', () => {
  let prometheus: PrometheusProcess | undefined;
  afterAll(() => prometheus?.stop());

  it('has the same samples there as here', async () => {
    const config = `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - { job_name: tidecast, static_configs: [{ targets: ['${new URL(rest().url).host}'], labels: { site: 'north' } }] }
remote_write:
  - { url: '${rest().url}/api/v1/write', queue_config: { batch_send_deadline: 1s } }`;
    prometheus = await PrometheusProcess.start({ config });
    const theirs = async (query: string, ms: number) => {
      const form = new URLSearchParams({ query, time: String(ms / 1000) });
      const response = await fetch(`${prometheus!.url}/api/v1/query?${form.toString()}`);
      const { data } = (await response.json()) as { data: { result: { values: unknown[] }[] } };
      return data.result;
    };
    await eventually(async () => ((await theirs('up[1m]', Date.now()))[0]?.values.length ?? 0) >= 4, 30_000);

    const now = Date.now();
    for (const query of [
      'up[1m]',
      'scrape_samples_scraped[1m]',
      'tidecast_http_request_seconds_count{route=~".*write"}[1m]',
    ]) {
      const expected = await theirs(query, now);
      expect(expected.length).toBeGreaterThan(0);
      await eventually(async () => JSON.stringify(sorted(await read(query, now))) === JSON.stringify(sorted(expected)));
    }
    expect(await read('count(up{job="tidecast", site="north"} == 1)', now)).toMatchObject([
      { value: [now / 1000, '1'] },
    ]);
  }, 90_000);
});

/** Labels and series in one order, whoever tells them. */
function sorted(result: unknown): string[] {
  return (result as { metric: Record<string, string>; values: unknown }[])
    .map(({ metric, values }) => JSON.stringify([Object.entries(metric).sort(([a], [b]) => (a < b ? -1 : 1)), values]))
    .sort();
}
