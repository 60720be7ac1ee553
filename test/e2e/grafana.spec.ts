import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ForecastRepository } from '@app/persistence';
import { CANONICAL_LEVELS } from '@app/series';
import { alertRulesJson } from '../../grafana/alert-rules.js';
import { dashboardJson, tidecastDashboard } from '../../grafana/tidecast-dashboard.js';
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
  await query('SELECT ensure_observation_partitions($1, $2)', [new Date(NOW - 72 * HOUR), new Date(NOW)]);
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

const dashboard = tidecastDashboard();
const panels = (dashboard.panels ?? []).filter((panel) => panel.type !== 'row');
const targets = panels.flatMap((panel) =>
  ((panel as { targets?: SqlTarget[] }).targets ?? []).map((target) => ({ title: panel.title!, target })),
);

/** Columns that each query gives, and the type of a value of each. */
const EXPECTED: Readonly<Record<string, Record<string, string>>> = {
  '$item · $channel A': { time: 'Date', observed: 'Number' },
  '$item · $channel B': {
    time: 'Date',
    forecast: 'Number',
    lower_80: 'Number',
    upper_80: 'Number',
    lower_95: 'Number',
    upper_95: 'Number',
  },
  'Anomalies A': {
    started_at: 'Date',
    ended_at: 'Date',
    item_id: 'String',
    channels: 'String',
    peak_score: 'Number',
    grade: 'Number',
    confidence: 'Number',
    points: 'bigint',
    alert: 'Boolean',
    suppressed_by: 'String',
    label: 'String',
    anomaly_id: 'String',
  },
  'Coverage A': { time: 'Date', metric: 'String', coverage_80: 'Number', coverage_95: 'Number' },
  'Scorecard A': {
    channel: 'String',
    model: 'String',
    points: 'Number',
    mae: 'Number',
    mase: 'Number',
    coverage_80: 'Number',
    coverage_95: 'Number',
    width_80: 'Number',
  },
  'Mis-coverage A': { item_id: 'String', channel: 'String', off_by: 'Number' },
  'Champions A': {
    decided_at: 'Date',
    item_id: 'String',
    channel: 'String',
    champion: 'String',
    replaced: 'String',
    reason: 'String',
  },
  'Freshness A': {
    item_id: 'String',
    channel: 'String',
    last_point: 'Date',
    age: 'Number',
    steps_behind: 'Number',
    freq: 'String',
    last_forecast_from: 'Date',
  },
  'Points per second A': { time: 'Date', points_per_second: 'Number' },
  'Dead letters by code A': { time: 'Date', metric: 'String', records: 'Number' },
  'Dead letters A': {
    occurred_at: 'Date',
    code: 'String',
    message: 'String',
    topic: 'String',
    partition: 'Number',
    offset: 'bigint',
    key: 'String',
    record: 'String',
  },
  'Offsets A': {
    consumer_group: 'String',
    topic: 'String',
    partition: 'Number',
    next_offset: 'bigint',
    lag: 'bigint',
    updated_at: 'Date',
  },
  'Outbox A': { waiting: 'bigint', oldest_age: 'Number' },
  'Job runs A': {
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
};
const AHEAD = '$item · $channel, forecast $lead steps ahead';
const expectedOf = (name: string) => EXPECTED[name.replace(AHEAD, '$item · $channel')];

const isDigits = (value: unknown) => typeof value === 'string' && /^\d+$/.test(value);
const typeOf = (value: unknown): string | undefined => value?.constructor.name;

describe('the dashboard', () => {
  it('is committed as its code builds it; npm run dashboards writes it', () => {
    expect(readFileSync('grafana/dashboards/tidecast.json', 'utf8')).toBe(dashboardJson());
  });

  it('and so are the alert rules, whose query is the one of the panel', async () => {
    const committed = readFileSync('grafana/provisioning/alerting/tidecast.yaml', 'utf8');
    expect(committed).toBe(alertRulesJson());
    const [{ rules }] = (JSON.parse(committed) as { groups: [{ rules: { data: { model: { rawSql?: string } }[] }[] }] })
      .groups;
    const rows = await asReader(rules[0]!.data[0]!.model.rawSql!);
    // 70 of 100 points lie inside what promises 80 of 100.
    expect(rows.map(({ item_id, off_by }) => [item_id, Number((off_by as number).toFixed(6))])).toEqual(
      CHANNELS.map(() => [ITEM, 0.1]),
    );
  });

  it('gives each panel an id of its own, a description and a place that no other one covers', () => {
    const { panels: placed } = JSON.parse(dashboardJson()) as {
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
    for (const panel of panels) {
      const { fieldConfig, targets = [] } = panel as { fieldConfig?: { overrides: object[] }; targets?: SqlTarget[] };
      const below = JSON.stringify(fieldConfig ?? {}).matchAll(/"custom.fillBelowTo","value":"(\w+)"/g);
      for (const [, column] of below) expect(targets.some(({ rawSql }) => rawSql.includes(`AS ${column}`))).toBe(true);
    }
  });
});

describe.each(targets.map(({ title, target }) => [`${title} ${target.refId}`, target] as const))(
  'the query of "%s", as the read-only role',
  (name, target) => {
    it('answers with rows whose columns have the names and types that the panel expects', async () => {
      const rows = await asReader(expandMacros(target.rawSql, scope()));

      expect(rows.length).toBeGreaterThan(0);
      const expected = expectedOf(name)!;
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
  },
);

/** Rows of a panel's query. */
const run = (title: string, refId: string, given: Partial<GrafanaScope> = {}) =>
  asReader(
    expandMacros(targets.find((entry) => entry.title === title && entry.target.refId === refId)!.target.rawSql, {
      ...scope(),
      ...given,
    }),
  );

/** The query of a variable. */
const queryOf = (name: string) =>
  dashboard.templating?.list?.find((variable) => variable.name === name)?.query as string;
const items = (typed: string) => asReader(expandMacros(queryOf('item'), scope({ __searchFilter: [typed] })));

describe('what the queries say', () => {
  it('history is the mean of each bin, the fan the newest forecast', async () => {
    const observed = await run('$item · $channel', 'A', { intervalMs: 4 * HOUR });
    const fan = await run('$item · $channel', 'B');

    expect(observed.length).toBeLessThanOrEqual(12);
    expect((await run('$item · $channel', 'A')).at(-1)).toEqual({ time: new Date(NOW), observed: 0 });
    expect(fan.map(({ time, forecast, upper_95 }) => [time, forecast, upper_95])).toEqual(
      [1, 2, 3].map((step) => [new Date(NOW + step * HOUR), step, step + 0.975]),
    );
  });

  it('past forecasts are those of the chosen lead', async () => {
    const rows = await run(AHEAD, 'B', scope({ lead: ['3'] }));

    expect(rows.map(({ time, forecast }) => [time, forecast])).toEqual(
      [0, 1, 2, 3].map((hour) => [new Date(NOW + hour * HOUR), 3]),
    );
  });

  it('freshness puts the series without points first, then the stalest', async () => {
    const rows = await run('Freshness', 'A');

    expect(rows.map(({ item_id }) => item_id)).toEqual(['never seen', ITEM, ITEM]);
    expect(rows[0]).toMatchObject({ last_point: null, age: null });
    expect(rows[1]!['steps_behind']).toBeCloseTo((rows[1]!['age'] as number) / 3_600, 6);
  });

  it('the lag is what the log has and the group has not read', async () => {
    expect(await run('Offsets', 'A')).toMatchObject([{ next_offset: '40', lag: '2' }]);
  });
});

describe('the annotations', () => {
  const annotate = (given: Partial<GrafanaScope> = {}) => {
    const target = dashboard.annotations?.list?.[0]?.target;
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
