import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { ForecastRepository } from '@app/persistence';
import { CANONICAL_LEVELS } from '@app/series';
import { alertRulesJson } from '../../grafana/alert-rules.js';
import { dashboardJson } from '../../grafana/dashboard.js';
import { DASHBOARDS } from '../../grafana/dashboards.js';
import type { SqlTarget } from '../../grafana/sql-query.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { expandMacros, type GrafanaScope } from '../support/grafana-macros.js';

let database: TestDatabase;
const query = <T>(sql: string, parameters?: unknown[]) => database.dataSource.query<T[]>(sql, parameters);

const HOUR = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR) * HOUR;
const ITEM = `pump '7' %_"\\`;
const CHANNELS = ['flow', "temp 'in'"];
const scope = (variables: GrafanaScope['variables'] = {}): GrafanaScope => ({
  from: new Date(NOW - 48 * HOUR),
  to: new Date(NOW + 48 * HOUR),
  intervalMs: 120_000,
  variables: { item: [ITEM], channel: [CHANNELS[0]!], lead: ['2'], ...variables },
});

const documentation = readFileSync('docs/sql.md', 'utf8');
const [...sqlBlocks] = documentation.matchAll(/```sql\n([\s\S]*?)```/g);
const recipes = sqlBlocks.map(([, text]) => text!);
const roleRecipe = recipes.find((text) => text.includes('CREATE ROLE'))!;
const reader = `grafana_reader_${randomBytes(4).toString('hex')}`;

interface SqlPanel {
  readonly title: string;
  readonly fieldConfig?: { readonly overrides: object[] };
  readonly targets?: readonly SqlTarget[];
}

/** Runs a statement as the role of docs/sql.md would. */
async function asReader(sql: string) {
  const runner = database.dataSource.createQueryRunner();
  try {
    await runner.startTransaction();
    await runner.query(`SET LOCAL ROLE ${reader}`);
    await runner.query('SET TRANSACTION READ ONLY');
    const result = await runner.query(sql, [], true);
    return result.records as Record<string, unknown>[];
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}

async function seed(): Promise<void> {
  await query('SELECT ensure_observation_partitions($1, $2)', [new Date(NOW - 240 * HOUR), new Date(NOW + HOUR)]);
  for (const channel of CHANNELS) {
    const [{ series_id }] = (await query<{ series_id: number }>(
      `INSERT INTO series (item_id, channel, freq) VALUES ($1, $2, 'PT1H') RETURNING series_id`,
      [ITEM, channel],
    )) as [{ series_id: number }];
    await query(
      `INSERT INTO observations
       SELECT $1, $2::timestamptz - n * interval '1 hour', n, 0, $2::timestamptz - n * interval '1 minute'
       FROM generate_series(0, 40) AS n`,
      [series_id, new Date(NOW)],
    );
    const forecast = (cutoff: number) => ({
      forecastId: randomUUID(),
      seriesId: series_id,
      runId: null,
      issuedAt: new Date(cutoff + 60_000),
      cutoff: new Date(cutoff),
      freq: 'PT1H',
      timeZone: 'UTC',
      model: 'seasonal-naive',
      modelSha256: null,
      provider: 'js',
      levels: CANONICAL_LEVELS,
      mean: [1, 2, 3],
      quantiles: [1, 2, 3].flatMap((mean) => CANONICAL_LEVELS.map((level) => mean + level)),
      status: 'ok',
      parts: {},
      traceparent: null,
    });
    await new ForecastRepository(database.dataSource).insert([0, 1, 2, 3].map((age) => forecast(NOW - age * HOUR)));
  }
  await query(
    `INSERT INTO scores (series_id, model, lead_bucket, day, points, loss, abs_actual, inside_80, inside_95, width_80,
                         width_95, abs_error, scaled_error, scaled_points, pinball)
     SELECT series_id, model, 1, ($1::timestamptz - n * interval '1 day')::date, 100, 5, 50, 70, 90, 10, 20, 3, 50, 100, '{}'
     FROM series, unnest('{aggregate,seasonal-naive}'::text[]) AS model, generate_series(0, 2) AS n WHERE item_id = $2`,
    [new Date(NOW), ITEM],
  );
  await query(
    `INSERT INTO champions (series_id, version, champion, replaced, reason, decided_at)
     SELECT series_id, 1, 'seasonal-naive', 'aggregate', 'aggregate loses', $1 FROM series WHERE item_id = $2`,
    [new Date(NOW), ITEM],
  );
  await query(`INSERT INTO series (item_id, channel) VALUES ('never seen', 'value')`);
  // One event of two points that is labelled, one that is over the budget, one that a rule suppresses.
  for (const [hours, from, channel, score, alert, suppressedBy, label] of [
    [5, 5, CHANNELS[0], 1.5, true, null, null],
    [4, 5, CHANNELS[0], 2.5, false, null, 'false-positive'],
    [1, 1, null, 1.2, false, 'budget', null],
    [20, 20, CHANNELS[1], 9, false, 'direction', null],
  ] as const) {
    await query(
      `INSERT INTO anomalies (anomaly_id, item_id, channel, ts, score, grade, severity, confidence, event_from, rule, alert,
                              suppressed_by, explanation, label, labelled_at, detected_at)
       VALUES (gen_random_uuid(), $1, $2, $3, $4::float8, 1 - 1 / $4::float8, 1, .5, $5, 'default', $6, $7, '{}', $8::text,
               CASE WHEN $8::text IS NOT NULL THEN now() END, now())`,
      [ITEM, channel, new Date(NOW - hours * HOUR), score, new Date(NOW - from * HOUR), alert, suppressedBy, label],
    );
  }
  await query(`INSERT INTO stream_offsets VALUES ('tidecast-ingest', 'tidecast.observations', 0, 40)`);
  await query(`INSERT INTO log_partitions VALUES ('tidecast.observations', 0, 42)`);
  await query(`INSERT INTO outbox (topic, value) VALUES ('tidecast.forecasts', '\\x00')`);
  await query(
    `INSERT INTO dead_letters (topic, partition, "offset", code, message, value)
     VALUES ('tidecast.observations', 0, 1, 'TS_INVALID', 'ts is no time', '\\x7b00ff'),
            ('tidecast.observations', 0, 2, 'MALFORMED_JSON', 'not JSON', NULL)`,
  );
  const job = randomUUID();
  await query(
    `INSERT INTO jobs (job_id, name, cron, selector, horizon, model, next_run_at)
     VALUES ($1, 'hourly', '5 * * * *', '{}', 24, 'auto', now())`,
    [job],
  );
  await query(
    `INSERT INTO job_runs (run_id, job_id, scheduled_for, status, started_at, finished_at, failures)
     VALUES (gen_random_uuid(), $1, now() - interval '1 hour', 'partly-failed', now() - interval '1 hour', now(),
             '[{"message": "too short"}]'),
            (gen_random_uuid(), $1, now(), 'running', now(), NULL, '[]')`,
    [job],
  );
}

beforeAll(async () => {
  database = await createDatabase();
  await seed();
  await query(roleRecipe.replaceAll('grafana_reader', reader));
});
afterAll(async () => {
  await query(`DROP OWNED BY ${reader}`);
  await query(`DROP ROLE ${reader}`);
  await database.drop();
});

const dashboards = Object.entries(DASHBOARDS).map(([name, build]) => ({ name, dashboard: build() }));
const panelsOf = (dashboard: Dashboard) => (dashboard.panels ?? []).filter(({ type }) => type !== 'row') as SqlPanel[];
/** Queries of the database by dashboard, panel and letter. */
const targets = dashboards.flatMap(({ name, dashboard }) =>
  panelsOf(dashboard).flatMap(({ title, targets = [] }) =>
    targets
      .filter(({ rawSql }) => rawSql !== undefined)
      .map((target) => ({ name: `${name}: ${title} ${target.refId}`, target })),
  ),
);

const ANOMALY_COLUMNS = {
  channels: 'String',
  peak_score: 'Number',
  grade: 'Number',
  confidence: 'Number',
  points: 'bigint',
  alert: 'Boolean',
  suppressed_by: 'String',
  label: 'String',
  anomaly_id: 'String',
};
const OBSERVED = { time: 'Date', observed: 'Number' };
const BANDS = {
  time: 'Date',
  forecast: 'Number',
  lower_80: 'Number',
  upper_80: 'Number',
  lower_95: 'Number',
  upper_95: 'Number',
};
const COVERAGE = { time: 'Date', metric: 'String', coverage_80: 'Number', coverage_95: 'Number' };
const EVENTS = { started_at: 'Date', ended_at: 'Date', item_id: 'String', ...ANOMALY_COLUMNS };
const KEPT = { points: 'Number', mase: 'Number', coverage_80: 'Number', coverage_95: 'Number' };

/** Columns that each query gives, and the type of a value of each. */
const EXPECTED: Readonly<Record<string, Record<string, string>>> = {
  'overview: Series A': { series: 'bigint', items: 'bigint' },
  'overview: Forecasts A': { forecasts: 'bigint', of_series: 'bigint' },
  'overview: Coverage A': { coverage_80: 'Number', coverage_95: 'Number' },
  'overview: Alerts A': { alerts: 'bigint' },
  'overview: Dead letters A': { dead_letters: 'bigint' },
  'overview: Freshness A': {
    item_id: 'String',
    channel: 'String',
    last_point: 'Date',
    age: 'Number',
    steps_behind: 'Number',
    freq: 'String',
    last_forecast_from: 'Date',
  },
  'overview: Points per second A': { time: 'Date', points_per_second: 'Number' },
  'overview: Anomalies A': EVENTS,
  'overview: Job runs A': {
    job: 'String',
    status: 'String',
    scheduled_for: 'Date',
    started_at: 'Date',
    duration: 'Number',
    series_total: 'Number',
    series_done: 'Number',
    series_failed: 'Number',
    first_failure: 'String',
  },
  'item: $item · $channel A': OBSERVED,
  'item: $item · $channel B': BANDS,
  'item: $item · $channel, forecast $lead steps ahead A': OBSERVED,
  'item: $item · $channel, forecast $lead steps ahead B': BANDS,
  'item: Anomalies A': { started_at: 'Date', ended_at: 'Date', ...ANOMALY_COLUMNS },
  'item: Coverage A': COVERAGE,
  'item: Scorecard A': {
    channel: 'String',
    model: 'String',
    points: 'Number',
    mae: 'Number',
    mase: 'Number',
    coverage_80: 'Number',
    coverage_95: 'Number',
    width_80: 'Number',
  },
  'item: Parts A': {
    channel: 'String',
    model: 'String',
    issued_at: 'Date',
    provider: 'String',
    status: 'String',
    part: 'String',
    weight: 'Number',
  },
  'item: Champions A': {
    decided_at: 'Date',
    channel: 'String',
    champion: 'String',
    replaced: 'String',
    reason: 'String',
  },
  'anomalies: Events A': { time: 'Date', metric: 'String', events: 'Number' },
  'anomalies: Noisiest items A': { item_id: 'String', alerts: 'bigint', events: 'bigint', peak_score: 'Number' },
  'anomalies: Labels A': { label: 'String', events: 'bigint', newest: 'Date' },
  'anomalies: Anomalies A': EVENTS,
  'scorecard: Coverage A': COVERAGE,
  'scorecard: MASE A': { time: 'Date', metric: 'String', mase: 'Number' },
  'scorecard: Models A': { model: 'String', series: 'bigint', ...KEPT },
  'scorecard: Leads A': { lead_bucket: 'Number', model: 'String', ...KEPT },
  'scorecard: Mis-coverage A': { item_id: 'String', channel: 'String', off_by: 'Number' },
  'scorecard: Champions A': {
    decided_at: 'Date',
    item_id: 'String',
    channel: 'String',
    champion: 'String',
    replaced: 'String',
    reason: 'String',
  },
  'health: Dead letters by code A': { time: 'Date', metric: 'String', records: 'Number' },
  'health: Dead letters A': {
    occurred_at: 'Date',
    code: 'String',
    message: 'String',
    topic: 'String',
    partition: 'Number',
    offset: 'bigint',
    key: 'String',
    record: 'String',
  },
  'health: Offsets A': {
    consumer_group: 'String',
    topic: 'String',
    partition: 'Number',
    next_offset: 'bigint',
    lag: 'bigint',
    updated_at: 'Date',
  },
  'health: Outbox A': { waiting: 'bigint', oldest_age: 'Number' },
};

const isDigits = (value: unknown) => typeof value === 'string' && /^\d+$/.test(value);
const typeOf = (value: unknown): string | undefined => value?.constructor.name;

describe.each(dashboards)('the dashboard $name', ({ name, dashboard }) => {
  const json = dashboardJson(dashboard);

  it('is committed as its code builds it; npm run dashboards writes it', () => {
    expect(readFileSync(`grafana/dashboards/${name}.json`, 'utf8')).toBe(json);
  });

  it('gives each panel an id of its own, a description and a place that no other one covers', () => {
    const { panels: placed } = JSON.parse(json) as {
      panels: { id: number; type: string; description?: string; gridPos: Record<'x' | 'y' | 'w' | 'h', number> }[];
    };

    expect(new Set(placed.map(({ id }) => id)).size).toBe(placed.length);
    expect(placed.filter(({ type, description }) => type !== 'row' && !description)).toEqual([]);
    const cells = placed.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });

  it('fills each band down to a column that its query has', () => {
    for (const { fieldConfig, targets = [] } of panelsOf(dashboard)) {
      const below = JSON.stringify(fieldConfig ?? {}).matchAll(/"custom.fillBelowTo","value":"(\w+)"/g);
      for (const [, column] of below) expect(targets.some(({ rawSql }) => rawSql.includes(`AS ${column}`))).toBe(true);
    }
  });

  it('defines every variable that its queries use', () => {
    const known = (dashboard.templating?.list ?? []).map((variable) => variable.name);
    const used = [...json.matchAll(/\$\{?(\w+)/g)]
      .map(([, variable]) => variable!)
      .filter((one) => !one.startsWith('__'));
    expect(used.filter((one) => !known.includes(one))).toEqual([]);
  });
});

describe('the dashboards', () => {
  it('have links to each other, and to dashboards that there are', () => {
    const uids = dashboards.map(({ dashboard }) => dashboard.uid);
    expect(new Set(uids).size).toBe(dashboards.length);
    const linked = dashboards.flatMap(({ dashboard }) => [
      ...dashboardJson(dashboard).matchAll(/"url": "\/d\/([\w-]+)/g),
    ]);
    expect(linked.length).toBeGreaterThan(0);
    for (const [, uid] of linked) expect(uids).toContain(uid);
    for (const { dashboard } of dashboards) {
      expect(dashboard.tags).toEqual(['tidecast']);
      expect(dashboard.links).toMatchObject([{ type: 'dashboards', tags: ['tidecast'], keepTime: true }]);
    }
  });

  it('have no query that this file expects nothing of, and none too few', () => {
    expect(targets.map((target) => target.name).sort()).toEqual(Object.keys(EXPECTED).sort());
  });
});

describe('the alert rules', () => {
  interface Rule {
    readonly uid: string;
    readonly data: readonly [{ readonly datasourceUid: string; readonly model: { readonly rawSql?: string } }];
  }
  const committed = readFileSync('grafana/provisioning/alerting/tidecast.yaml', 'utf8');
  const [{ rules }] = (JSON.parse(committed) as { groups: [{ rules: Rule[] }] }).groups;
  const fired = (uid: string) => asReader(rules.find((rule) => rule.uid === uid)!.data[0].model.rawSql!);

  it('are committed as their code builds them', () => {
    expect(committed).toBe(alertRulesJson());
    expect(new Set(rules.map(({ uid }) => uid)).size).toBe(rules.length);
  });

  it('ask data sources that are provisioned', () => {
    const provisioned = readFileSync('grafana/provisioning/datasources/tidecast.yaml', 'utf8');
    for (const { data } of rules) expect(provisioned).toContain(`uid: ${data[0].datasourceUid}\n`);
  });

  it('find the series that does not cover what it promises', async () => {
    // 70 of 100 points lie inside what promises 80 of 100.
    const rows = await fired('tidecast-miscoverage');
    expect(rows.map(({ item_id, off_by }) => [item_id, Number((off_by as number).toFixed(6))])).toEqual(
      CHANNELS.map(() => [ITEM, 0.1]),
    );
  });

  it('find the series that stands still, but not one that was switched off', async () => {
    await query(
      `WITH stale AS (INSERT INTO series (item_id, channel, freq)
                      VALUES ('stuck', 'v', 'PT1M'), ('switched off', 'v', 'PT1M') RETURNING series_id, item_id)
       INSERT INTO observations
       SELECT series_id, now() - CASE item_id WHEN 'stuck' THEN interval '10 minutes' ELSE interval '8 days' END, 1, 0, now()
       FROM stale`,
    );
    const rows = await fired('tidecast-stale-series');
    expect(rows.map(({ item_id }) => item_id)).toEqual(['stuck']);
    expect(rows[0]!['steps_behind']).toBeCloseTo(10, 0);
    await query(`DELETE FROM observations WHERE series_id IN (SELECT series_id FROM series WHERE freq = 'PT1M')`);
    await query(`DELETE FROM series WHERE freq = 'PT1M'`);
  });

  it('find dead letters, failed runs and what waits in the outbox', async () => {
    expect(await fired('tidecast-dead-letters')).toEqual(
      expect.arrayContaining([
        { code: 'TS_INVALID', records: 1 },
        { code: 'MALFORMED_JSON', records: 1 },
      ]),
    );
    expect(await fired('tidecast-failed-runs')).toEqual([{ job: 'hourly', runs: 1 }]);
    expect((await fired('tidecast-outbox'))[0]!['seconds']).toBeGreaterThan(0);
  });
});

describe.each(targets)('the query of "$name", as the read-only role', ({ name, target }) => {
  it('answers with rows whose columns have the names and types that the panel expects', async () => {
    const rows = await asReader(expandMacros(target.rawSql, scope()));

    expect(rows.length).toBeGreaterThan(0);
    const expected = EXPECTED[name]!;
    expect(Object.keys(rows[0]!)).toEqual(Object.keys(expected));
    for (const [column, type] of Object.entries(expected)) {
      const values = rows.map((row) => row[column]).filter((value) => value !== null);
      // The driver gives a bigint as a text of digits; Grafana reads it as a number.
      const found = values.map((value) => (type === 'bigint' && isDigits(value) ? type : typeOf(value)));
      expect(new Set(found)).toEqual(new Set(column === 'key' ? [] : [type]));
    }
    if (target.format === 'time_series') {
      const times = rows.map((row) => (row['time'] as Date).getTime());
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });

  it('stands a range without data', async () => {
    const past = { ...scope(), from: new Date('1990-01-01Z'), to: new Date('1990-01-02Z') };

    await expect(asReader(expandMacros(target.rawSql, past))).resolves.toBeInstanceOf(Array);
  });

  it('takes several channels, and one that is not there', async () => {
    const all = await asReader(expandMacros(target.rawSql, scope({ channel: CHANNELS })));
    const none = await asReader(expandMacros(target.rawSql, scope({ channel: ['absent'] })));

    expect(all.length).toBeGreaterThan(0);
    expect(none.length > 0).toBe(!target.rawSql.includes('${channel:sqlstring}'));
  });
});

/** Rows of a panel's query. */
const run = (name: string, given: Partial<GrafanaScope> = {}) =>
  asReader(expandMacros(targets.find((one) => one.name === name)!.target.rawSql, { ...scope(), ...given }));
const item = DASHBOARDS['item']!();

/** The query of a variable. */
const queryOf = (name: string) => item.templating?.list?.find((variable) => variable.name === name)?.query as string;
const items = (typed: string) => asReader(expandMacros(queryOf('item'), scope({ __searchFilter: [typed] })));

describe('what the queries say', () => {
  it('history is the mean of each bin, the fan the newest forecast', async () => {
    const observed = await run('item: $item · $channel A', { intervalMs: 4 * HOUR });
    const fan = await run('item: $item · $channel B');

    expect(observed.length).toBeLessThanOrEqual(12);
    expect((await run('item: $item · $channel A')).at(-1)).toEqual({ time: new Date(NOW), observed: 0 });
    expect(fan.map(({ time, forecast, upper_95 }) => [time, forecast, upper_95])).toEqual(
      [1, 2, 3].map((step) => [new Date(NOW + step * HOUR), step, step + 0.975]),
    );
  });

  it('past forecasts are those of the chosen lead', async () => {
    const rows = await run('item: $item · $channel, forecast $lead steps ahead B', scope({ lead: ['3'] }));

    expect(rows.map(({ time, forecast }) => [time, forecast])).toEqual(
      [0, 1, 2, 3].map((hour) => [new Date(NOW + hour * HOUR), 3]),
    );
  });

  it('freshness puts the series without points first, then the stalest', async () => {
    const rows = await run('overview: Freshness A');

    expect(rows.map(({ item_id }) => item_id)).toEqual(['never seen', ITEM, ITEM]);
    expect(rows[0]).toMatchObject({ last_point: null, age: null });
    expect(rows[1]!['steps_behind']).toBeCloseTo((rows[1]!['age'] as number) / 3_600, 6);
  });

  it('the lag is what the log has and the group has not read', async () => {
    expect(await run('health: Offsets A')).toMatchObject([{ next_offset: '40', lag: '2' }]);
  });
});

describe('the annotations', () => {
  const annotate = (given: Partial<GrafanaScope> = {}) => {
    const target = item.annotations?.list?.[0]?.target;
    return asReader(expandMacros((target as SqlTarget).rawSql, { ...scope(), ...given }));
  };

  it('mark the events of the item, from first to last point, with what is known of them', async () => {
    expect(await annotate()).toEqual([
      {
        time: new Date(NOW - 5 * HOUR),
        timeEnd: new Date(NOW - 4 * HOUR),
        text: expect.stringMatching(/^score 2\.50 at \d{4}-\d\d-\d\d \d\d:00:00, 2 points$/),
        tags: `alert,false-positive,${CHANNELS[0]}`,
      },
      { time: new Date(NOW - HOUR), timeEnd: new Date(NOW - HOUR), text: expect.any(String), tags: 'over budget' },
    ]);
  });

  it('mark nothing of other items and times', async () => {
    expect(await annotate(scope({ item: ['never seen'] }))).toEqual([]);
    expect(await annotate({ from: new Date('1990-01-01Z'), to: new Date('1990-01-02Z') })).toEqual([]);
  });
});

describe('the variables', () => {
  it('list the items, narrowed by what is typed', async () => {
    expect(await items('')).toEqual([{ item_id: 'never seen' }, { item_id: ITEM }]);
    expect(await items('pu')).toEqual([{ item_id: ITEM }]);
  });

  it('list the channels of the item chosen', async () => {
    expect(await asReader(expandMacros(queryOf('channel'), scope()))).toEqual(CHANNELS.map((channel) => ({ channel })));
  });
});

describe('docs/sql.md', () => {
  it.each(recipes.filter((text) => !text.includes('ROLE')).map((text) => [text]))('runs: %s', async (text) => {
    await expect(asReader(text)).resolves.toBeInstanceOf(Array);
  });

  it('gives its role no right to write, nor to read what nobody needs', async () => {
    await expect(asReader('DELETE FROM dead_letters')).rejects.toThrow(/read-only|permission denied/);
    await expect(asReader('SELECT * FROM log_records')).rejects.toThrow(/permission denied/);
  });
});
