import { randomUUID } from 'node:crypto';
import { ForecastRepository, type NewForecast } from '@app/persistence';
import { CANONICAL_LEVELS, forecastTimes, Frequency } from '@app/series';
import { useDatabase } from '../support/database.js';

const database = useDatabase();
const query = <T>(sql: string, parameters?: unknown[]) => database().dataSource.query<T[]>(sql, parameters);

/** A name for the column of a level: 0.025 is q025, 0.5 is q500. */
const columnOf = (level: number) => `q${level.toFixed(3).slice(2)}`;

async function aSeries(itemId: string, channel = 'value'): Promise<number> {
  const [row] = await query<{ series_id: number }>(
    'INSERT INTO series (item_id, channel) VALUES ($1, $2) RETURNING series_id',
    [itemId, channel],
  );
  return row!.series_id;
}

/** A stored forecast whose mean of step s is s, and whose quantile at level q is s + q. */
async function aForecast(seriesId: number, overrides: Partial<NewForecast> & { steps?: number } = {}): Promise<void> {
  const { steps = 3, ...given } = overrides;
  const mean = Array.from({ length: steps }, (_, step) => step + 1);
  await new ForecastRepository(database().dataSource).insert([
    {
      forecastId: randomUUID(),
      seriesId,
      runId: null,
      issuedAt: new Date('2026-01-01T00:05:00Z'),
      cutoff: new Date('2026-01-01T00:00:00Z'),
      freq: 'PT1H',
      timeZone: 'UTC',
      model: 'seasonal-naive',
      modelSha256: null,
      provider: 'js',
      levels: CANONICAL_LEVELS,
      mean,
      quantiles: mean.flatMap((step) => CANONICAL_LEVELS.map((level) => step + level)),
      status: 'ok',
      parts: {},
      traceparent: null,
      ...given,
    },
  ]);
}

describe('forecast_points', () => {
  it('gives each step of each forecast its mean and its quantiles', async () => {
    await aForecast(await aSeries('points'));

    const rows = await query('SELECT * FROM forecast_points WHERE item_id = $1 ORDER BY step', ['points']);

    expect(rows).toEqual(
      [1, 2, 3].map((step) => ({
        item_id: 'points',
        channel: 'value',
        model: 'seasonal-naive',
        issued_at: new Date('2026-01-01T00:05:00Z'),
        cutoff: new Date('2026-01-01T00:00:00Z'),
        ts: new Date(Date.UTC(2026, 0, 1, step)),
        step,
        mean: step,
        ...Object.fromEntries(CANONICAL_LEVELS.map((level) => [columnOf(level), step + level])),
      })),
    );
  });

  it('keeps the last digits of a counter near 1e12, and forecasts too large to be stored in the row', async () => {
    const seriesId = await aSeries('counter');
    const steps = 2_000;
    const mean = Array.from({ length: steps }, (_, step) => 1e12 + step + 0.25);
    await aForecast(seriesId, { steps, mean, quantiles: mean.flatMap((m) => CANONICAL_LEVELS.map((q) => m + q)) });

    const rows = await query<{ mean: number; q975: number }>(
      `SELECT mean, q975 FROM forecast_points WHERE item_id = 'counter' ORDER BY step`,
    );

    expect(rows.map((row) => row.mean)).toEqual(mean);
    expect(rows.map((row) => row.q975)).toEqual(mean.map((m) => m + 0.975));
  });

  // The zones change their clocks at different hours; Lord Howe by half an hour, Apia left out a day in 2011.
  it.each([
    ['PT1H', 'Europe/Berlin', '2026-03-28T22:00:00Z', 40],
    ['PT15M', 'America/New_York', '2026-11-01T04:00:00Z', 30],
    ['PT24H', 'Europe/Berlin', '2026-10-24T22:00:00Z', 4],
    ['P1D', 'Europe/Berlin', '2026-03-26T23:00:00Z', 8],
    ['P1D', 'Europe/Berlin', '2026-03-27T01:30:00Z', 4],
    ['P1D', 'America/New_York', '2026-10-30T05:30:00Z', 5],
    ['P1D', 'America/New_York', '2026-03-06T07:30:00Z', 5],
    ['P1D', 'Australia/Lord_Howe', '2026-04-02T14:45:00Z', 5],
    ['P1D', 'Pacific/Apia', '2011-12-27T10:00:00Z', 5],
    ['P1W', 'America/Sao_Paulo', '2026-01-05T03:00:00Z', 12],
    ['P1M', 'UTC', '2026-01-31T00:00:00Z', 14],
    ['P1M', 'Europe/Berlin', '2026-01-30T23:00:00Z', 14],
    ['P1M', 'America/New_York', '2026-02-01T03:00:00Z', 14],
    ['P1M', 'America/New_York', '2026-07-01T05:30:00Z', 8],
    ['P3M', 'Asia/Kolkata', '2025-11-29T18:30:00Z', 8],
    ['P1Y', 'Europe/Dublin', '2024-02-29T00:00:00Z', 6],
  ])('steps %s in %s from %s as libs/series does', async (freq, timeZone, cutoff, steps) => {
    const itemId = `steps ${freq} ${timeZone} ${cutoff}`;
    await aForecast(await aSeries(itemId), { freq, timeZone, cutoff: new Date(cutoff), steps });

    const rows = await query<{ ts: Date }>('SELECT ts FROM forecast_points WHERE item_id = $1 ORDER BY step', [itemId]);

    const expected = forecastTimes(Date.parse(cutoff), Frequency.parse(freq)!, timeZone, steps);
    expect(rows.map(({ ts }) => ts.toISOString())).toEqual(expected.map((ts) => new Date(ts).toISOString()));
  });

  it('does not depend on the zone of the session', async () => {
    await aForecast(await aSeries('zone'), { freq: 'P1D', timeZone: 'Europe/Berlin', cutoff: new Date('2026-03-27Z') });

    const [row] = await database().dataSource.transaction(async (manager) => {
      await manager.query(`SET LOCAL TimeZone = 'Pacific/Auckland'`);
      return manager.query<{ ts: Date }[]>(`SELECT ts FROM forecast_points WHERE item_id = 'zone' AND step = 3`);
    });

    expect(row!.ts).toEqual(new Date('2026-03-29T23:00:00Z'));
  });
});

describe('forecast_latest', () => {
  it('shows the newest cutoff, and of several for it the one issued last', async () => {
    const seriesId = await aSeries('latest');
    const cutoff = new Date('2026-02-01Z');
    await aForecast(seriesId, { cutoff: new Date('2026-01-01Z'), issuedAt: new Date('2026-03-01Z'), model: 'old' });
    await aForecast(seriesId, { cutoff, issuedAt: new Date('2026-02-01T01:00:00Z'), model: 'first' });
    await aForecast(seriesId, { cutoff, issuedAt: new Date('2026-02-01T02:00:00Z'), model: 'last', steps: 2 });
    await aForecast(await aSeries('latest', 'other'), { cutoff: new Date('2025-01-01Z'), steps: 1 });

    const rows = await query(
      `SELECT * FROM forecast_latest WHERE item_id = 'latest' AND channel = 'value' ORDER BY ts`,
    );

    expect(rows).toEqual(
      [1, 2].map((step) => ({
        item_id: 'latest',
        channel: 'value',
        model: 'last',
        issued_at: new Date('2026-02-01T02:00:00Z'),
        cutoff,
        ts: new Date(Date.UTC(2026, 1, 1, step)),
        step,
        yhat: step,
        yhat_lower_80: step + 0.1,
        yhat_upper_80: step + 0.9,
        yhat_lower_95: step + 0.025,
        yhat_upper_95: step + 0.975,
      })),
    );
  });

  it('finds the forecast of one series by index', async () => {
    const plan = await query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT * FROM forecast_latest WHERE item_id = 'latest' AND channel = 'value'`,
    );

    const text = plan.map((line) => line['QUERY PLAN']).join('\n');
    expect(text).toContain('uq_series_item_channel');
    expect(text).toContain('ix_forecasts_series_cutoff');
    expect(text).not.toContain('Seq Scan');
  });
});

describe('observation_points', () => {
  it('spells the flags out', async () => {
    const seriesId = await aSeries('flags');
    await query(`SELECT ensure_observation_partitions('2026-01-01Z', '2026-01-01Z')`);
    const flags = [0, 1, 2, 4, 7];
    await query(
      `INSERT INTO observations
       SELECT $1, '2026-01-01Z'::timestamptz + flag * interval '1 minute', flag / 2.0, flag, '2026-01-02Z'
       FROM unnest($2::int[]) AS flag`,
      [seriesId, flags],
    );

    const rows = await query(`SELECT * FROM observation_points WHERE item_id = 'flags' ORDER BY ts`);

    expect(rows).toEqual(
      flags.map((flag) => ({
        item_id: 'flags',
        channel: 'value',
        ts: new Date(Date.UTC(2026, 0, 1, 0, flag)),
        value: flag / 2,
        known_at: new Date('2026-01-02Z'),
        imputed: (flag & 1) !== 0,
        late: (flag & 2) !== 0,
        revised: (flag & 4) !== 0,
      })),
    );
  });

  it('reads only the partitions of the times asked for', async () => {
    await query(`SELECT ensure_observation_partitions('2026-01-01Z', '2026-12-01Z')`);

    const plan = await query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT * FROM observation_points
       WHERE item_id = 'flags' AND channel = 'value' AND ts >= '2026-05-02Z' AND ts < '2026-05-20Z'`,
    );

    const text = plan.map((line) => line['QUERY PLAN']).join('\n');
    expect(text).toContain('observations_y2026m05');
    expect(text).not.toContain('observations_y2026m04');
  });
});

describe('the views at 2,000 series with 10 forecasts each', () => {
  beforeAll(async () => {
    await query(`INSERT INTO series (item_id, channel) SELECT 'bulk-' || n, 'value' FROM generate_series(1, 2000) n`);
    // Random numbers do not compress, as real ones don't; 48 steps are far beyond what a row holds inline.
    await query(
      `
      INSERT INTO forecasts
      SELECT gen_random_uuid(), series_id, NULL, cutoff, cutoff, 'P1D', 'Europe/Berlin', 48, 'ttm/base', NULL, 'cpu',
             $1, numbers.mean, numbers.quantiles, 'ok', '{}', NULL
      FROM series
      CROSS JOIN generate_series('2026-03-01Z'::timestamptz, '2026-03-10Z', '1 day') AS cutoff
      CROSS JOIN (SELECT (SELECT array_agg(random()) FROM generate_series(1, 48)) AS mean,
                         (SELECT array_agg(random()) FROM generate_series(1, 48 * 13)) AS quantiles) AS numbers
      WHERE item_id LIKE 'bulk-%'`,
      [CANONICAL_LEVELS],
    );
    await query('ANALYZE series');
    await query('ANALYZE forecasts');
  });

  // Measured 5 ms, 0.3 s and 0.1 s on two cores; the limits leave room for a busy machine, not for another plan.
  it.each([
    ['one series, newest', `SELECT * FROM forecast_latest WHERE item_id = 'bulk-1234'`, 48, 500],
    ['all series, newest', `SELECT count(*)::int AS n, sum(yhat_upper_95), max(ts) FROM forecast_latest`, 1, 5_000],
    ['one series, all', `SELECT * FROM forecast_points WHERE item_id = 'bulk-7' AND channel = 'value'`, 480, 2_000],
  ])('answer for %s in time', async (_name, sql, rows, limitMs) => {
    const started = performance.now();
    const answer = await query(sql);

    expect(performance.now() - started).toBeLessThan(limitMs);
    expect(answer).toHaveLength(rows);
  });
});
