import { randomUUID } from 'node:crypto';
import {
  ForecastRepository,
  ScoreRepository,
  SkillRepository,
  writeObservations,
  type NewForecast,
} from '@app/persistence';
import { CANONICAL_LEVELS } from '@app/series';
import { scoring } from '../../apps/forecaster/test/scoring.js';
import { storeSeries } from '../../apps/forecaster/test/stored-series.js';
import { truncate, useDatabase } from '../support/database.js';
import { DAY, HOUR } from '../support/forecasts.js';

const database = useDatabase();
const T0 = Date.parse('2026-03-01T00:00:00Z');
const query = <T>(sql: string, parameters: unknown[] = []) => database().dataSource.query<T[]>(sql, parameters);

let seriesId: number;
beforeEach(async () => {
  const tables = ['score_tasks', 'scored_points', 'scores', 'skill_reviews', 'forecast_spans', 'observation_revisions'];
  const learnt = ['aggregation_weights', 'group_weights', 'weight_groups', 'calibrations', 'champions'];
  await truncate(database().dataSource, 'forecasts', 'observations', 'series', ...tables, ...learnt);
  seriesId = await storeSeries(database().dataSource, { itemId: 'pump', freq: 'PT1H', points: [[T0, 0]] });
});

/** Stores points as ingest does: with the note that they arrived, in one transaction. */
async function arrive(points: readonly (readonly [hour: number, value: number])[], knownAt: number, fresh = false) {
  await database().dataSource.transaction((manager) =>
    writeObservations(
      manager,
      {
        seriesIds: Int32Array.from(points, () => seriesId),
        ts: Float64Array.from(points, ([hour]) => T0 + hour * HOUR),
        values: Float64Array.from(points, ([, value]) => value),
        flags: undefined,
        fresh,
      },
      new Date(knownAt),
    ),
  );
}

/** Quantiles `level + centre`: the 80 % interval is [centre + 0.1, centre + 0.9], the median centre + 0.5. */
const quantilesAround = (centre: number, horizon: number) =>
  Array.from({ length: horizon }, () => CANONICAL_LEVELS.map((level) => centre + level)).flat();

async function foretell(cutoffHour: number, horizon: number, more: Partial<NewForecast> & { centre?: number } = {}) {
  const { centre = 0, ...given } = more;
  const forecast: NewForecast = {
    forecastId: randomUUID(),
    seriesId,
    runId: null,
    issuedAt: new Date(T0 + cutoffHour * HOUR + 60_000),
    cutoff: new Date(T0 + cutoffHour * HOUR),
    freq: 'PT1H',
    timeZone: 'UTC',
    model: 'aggregate',
    modelSha256: null,
    provider: 'js',
    levels: CANONICAL_LEVELS,
    mean: Array.from({ length: horizon }, () => centre),
    quantiles: quantilesAround(centre, horizon),
    status: 'ok',
    parts: {},
    traceparent: null,
    naiveError: 2,
    ...given,
  };
  await new ForecastRepository(database().dataSource).insert([forecast]);
}

const scorer = (more?: Parameters<typeof scoring>[1]) => scoring(database().dataSource, more).scorecard;

async function scoreAll(service = scorer(), now = new Date(T0 + 60 * DAY)): Promise<void> {
  while ((await service.scoreNext(now)) === 'scored');
}

interface ScoreRow {
  model: string;
  lead_bucket: number;
  day: string;
  points: number;
  loss: number;
  inside_80: number;
  abs_error: number;
  scaled_error: number;
}
const scores = async () =>
  (
    await query<ScoreRow & { points: string }>(
      `SELECT model, lead_bucket, day::text, points, loss, inside_80, abs_error, scaled_error FROM scores
       ORDER BY model, lead_bucket, day`,
    )
  ).map((row) => ({ ...row, points: Number(row.points) }));
const totals = async () => {
  const [row] = await query<{ points: string; abs_error: number; inside_80: number }>(
    `SELECT coalesce(sum(points), 0) AS points, sum(abs_error) AS abs_error, sum(inside_80) AS inside_80 FROM scores`,
  );
  return { ...row!, points: Number(row!.points) };
};

describe('the scorecard', () => {
  it('joins each arrived actual with the steps that foretold it, at every lead', async () => {
    await foretell(0, 4);
    await foretell(1, 4);
    await arrive([[1, 0.5]], T0 + HOUR + 120_000);
    await arrive(
      [
        [2, 0.7],
        [3, 5],
      ],
      T0 + 3 * HOUR + 120_000,
    );
    await scoreAll();

    const rows = await scores();
    // Hour 1 is step 1 of the first; hours 2 and 3 are steps 2 and 3 of the first, 1 and 2 of the second.
    expect(rows.map(({ lead_bucket, points }) => [lead_bucket, points])).toEqual([
      [1, 2],
      [2, 3],
    ]);
    const [one, two] = rows as [ScoreRow, ScoreRow];
    expect(one.abs_error).toBeCloseTo(0 + 0.2, 12);
    expect(two.abs_error).toBeCloseTo(0.2 + 4.5 + 4.5, 12);
    expect(two.scaled_error).toBeCloseTo(two.abs_error / 2, 12);
    expect([one.inside_80, two.inside_80]).toEqual([2, 1]);
    // A second way: the loss of 5, which lies above all levels, is the mean of 2·τ·(5 − τ) over .1 – .9.
    const above = [1, 2, 3, 4, 5, 6, 7, 8, 9].reduce((sum, d) => sum + (2 * (d / 10) * (5 - d / 10)) / 9, 0);
    const inner = (y: number) =>
      [1, 2, 3, 4, 5, 6, 7, 8, 9].reduce((sum, d) => {
        const error = y - d / 10;
        return sum + (2 * (error >= 0 ? (d / 10) * error : (d / 10 - 1) * error)) / 9;
      }, 0);
    expect(two.loss).toBeCloseTo(2 * above + inner(0.7), 10);
  });

  it('counts a duplicate once, and the same value again not at all', async () => {
    await foretell(0, 4);
    for (let time = 1; time <= 3; time++) await arrive([[1, 0.5]], T0 + time * HOUR + 120_000);
    await scoreAll();
    await arrive([[1, 0.5]], T0 + 9 * HOUR);
    await scoreAll();
    expect(await totals()).toMatchObject({ points: 1, abs_error: 0 });
  });

  it('takes a revised value back and counts the new one, on the day of the actual', async () => {
    await foretell(0, 48);
    await arrive(
      [
        [1, 0.5],
        [30, 0.5],
      ],
      T0 + 31 * HOUR,
    );
    await scoreAll();
    await arrive([[1, 4.5]], T0 + 40 * HOUR);
    await scoreAll();
    const rows = await scores();
    expect(rows.map(({ day, points }) => [day, points])).toEqual([
      ['2026-03-01', 1],
      ['2026-03-02', 1],
    ]);
    expect(rows[0]).toMatchObject({ inside_80: 0 });
    expect(rows[0]!.abs_error).toBeCloseTo(4, 12);
    expect(rows[1]).toMatchObject({ inside_80: 1 });
  });

  it('comes to the same when it looks only after the revision', async () => {
    await foretell(0, 4);
    await arrive([[1, 0.5]], T0 + 2 * HOUR);
    await arrive([[1, 4.5]], T0 + 3 * HOUR);
    await scoreAll();
    expect(await totals()).toMatchObject({ points: 1, abs_error: 4, inside_80: 0 });
  });

  it('scores late actuals with the forecasts of their time', async () => {
    await foretell(0, 4);
    await foretell(10, 4, { centre: 100 });
    await arrive([[11, 100.5]], T0 + 11 * HOUR + 120_000);
    await arrive([[2, 0.5]], T0 + 12 * HOUR);
    await scoreAll();
    expect(await totals()).toMatchObject({ points: 2, abs_error: 0, inside_80: 2 });
  });

  it('passes over hindsight: forecasts issued after the actual was known', async () => {
    await foretell(0, 4);
    await arrive([[1, 0.5]], T0 + 2 * HOUR);
    await foretell(0, 4, { issuedAt: new Date(T0 + DAY), centre: 50 });
    await scoreAll();
    expect(await totals()).toMatchObject({ points: 1, abs_error: 0 });
  });

  it('a revision is not held against a forecast that was stored after the point was scored', async () => {
    await foretell(0, 4);
    await arrive([[1, 0.5]], T0 + 2 * HOUR);
    await scoreAll();
    // Issued in time, but stored late: it never was in the sums, so the revision must not take it out of them.
    await foretell(0, 4, { centre: 50 });
    await arrive([[1, 1.5]], T0 + 3 * HOUR);
    await scoreAll();
    expect(await totals()).toMatchObject({ points: 1, abs_error: 1 });
  });

  it('scores shadows beside what was served', async () => {
    const shadows = [{ model: 'seasonal-naive', quantiles: quantilesAround(3, 4) }];
    await foretell(0, 4, { shadows });
    await arrive([[1, 0.5]], T0 + 2 * HOUR);
    await scoreAll();
    const rows = await scores();
    expect(rows.map(({ model }) => model)).toEqual(['aggregate', 'seasonal-naive']);
    expect(rows.map(({ abs_error }) => abs_error)).toEqual([0, 3]);
  });

  it('counts nothing twice when the process dies between the steps', async () => {
    await foretell(0, 4);
    await arrive(
      [
        [1, 0.5],
        [2, 0.5],
      ],
      T0 + 3 * HOUR,
    );
    class Mortal extends ScoreRepository {
      override remember(): Promise<void> {
        return Promise.reject(new Error('killed'));
      }
    }
    await expect(scorer({ scores: new Mortal(database().dataSource) }).scoreNext(new Date())).rejects.toThrow('killed');
    expect(await scores()).toEqual([]);
    await scoreAll();
    expect(await totals()).toMatchObject({ points: 2 });
  });

  it('shares the work between many without counting twice', async () => {
    await foretell(0, 200);
    for (let hour = 1; hour <= 60; hour++)
      await arrive(
        [
          [hour, 0.5],
          [Math.max(1, hour - 1), 0.5 + hour],
        ],
        T0 + hour * HOUR + 120_000,
      );
    await Promise.all([1, 2, 3, 4].map(() => scoreAll(scorer())));
    // Hour h was revised once, to h + 1.5, but for the last; hour 1 came as 0.5 and 1.5 and was then revised as well.
    const expected = Array.from({ length: 60 }, (_, i) => (i === 59 ? 0 : i + 2)).reduce(
      (sum, error) => sum + error,
      0,
    );
    const { points, abs_error } = await totals();
    expect(points).toBe(60);
    expect(abs_error).toBeCloseTo(expected, 8);
  });

  it('counts days on the clock of the series', async () => {
    await query(`UPDATE series SET time_zone = 'Europe/Berlin'`);
    const cutoff = new Date('2026-03-27T23:00:00Z');
    // Midnights in Berlin, across the change of the clocks on 29 March.
    const steps = ['2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'].map((text) => (Date.parse(text) - T0) / HOUR);
    await foretell(0, 3, { freq: 'P1D', timeZone: 'Europe/Berlin', cutoff, issuedAt: new Date(cutoff.getTime() + 1) });
    await arrive(
      steps.map((hour) => [hour, 0.5] as const),
      cutoff.getTime() + 3 * DAY,
    );
    await scoreAll();
    expect((await scores()).map(({ lead_bucket, points }) => [lead_bucket, points])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it('notes nothing for series that were never forecast', async () => {
    await arrive([[1, 0.5]], T0 + 2 * HOUR);
    expect(await query(`SELECT FROM score_tasks`)).toHaveLength(0);
  });

  it('shows ratios in a view with fixed columns', async () => {
    await foretell(0, 4);
    await arrive(
      [
        [1, 0.5],
        [2, 2.5],
      ],
      T0 + 3 * HOUR,
    );
    await scoreAll();
    const rows = await query<Record<string, unknown>>(`SELECT * FROM forecast_scorecard ORDER BY lead_bucket`);
    expect(Object.keys(rows[0]!)).toEqual([
      'item_id',
      'channel',
      'model',
      'lead_bucket',
      'day',
      'points',
      'wql',
      'mase',
      'mae',
      'coverage_80',
      'coverage_95',
      'width_80',
      'width_95',
    ]);
    expect(rows.map(({ coverage_80, mase, mae }) => [coverage_80, mase, mae])).toEqual([
      [1, 0, 0],
      [0, 1, 2],
    ]);
  });
});

describe('what is learnt from the scorecard', () => {
  const skills = () => new SkillRepository(database().dataSource);
  const review = async (now = new Date(T0 + 60 * DAY)) => {
    const { reviews } = scoring(database().dataSource);
    while ((await reviews.reviewNext(now)) === 'reviewed');
  };
  /** Forecasts of one day, each day; actuals lie `error(hour)` from the median of the aggregate. */
  async function live(days: number, error: (hour: number) => number, naiveCentre = 3): Promise<void> {
    for (let day = 0; day < days; day++) {
      const shadows = [
        { model: 'ttm/base', quantiles: quantilesAround(0, 24) },
        { model: 'tsmixer/base', quantiles: quantilesAround(3, 24) },
        { model: 'seasonal-naive', quantiles: quantilesAround(naiveCentre, 24) },
        { model: 'aggregate-uncalibrated', quantiles: quantilesAround(0, 24) },
      ];
      await foretell(24 * day, 24, { shadows });
      const hours = Array.from({ length: 24 }, (_, i) => 24 * day + i + 1);
      await arrive(
        hours.map((hour) => [hour, 0.5 + error(hour)] as const),
        T0 + (24 * day + 25) * HOUR,
      );
    }
    await scoreAll();
  }

  it('calibrates each lead bucket to the errors that came', async () => {
    // Errors of ±1.2 where the 80 % interval is ±0.4: one and a half width further out to hold them.
    await live(8, (hour) => (hour % 2 ? 1.2 : -1.2));
    await review();
    const [skill] = await skills().load([seriesId]);
    const buckets = skill!.calibration!.value as Record<string, { scores: number; offsets: number[] }>;
    // Each day has one step of the first bucket and two of the second: too few in eight days to vouch for 95 %.
    expect(Object.keys(buckets)).toEqual(['4', '8', '16']);
    expect(buckets['16']!.scores).toBe(72);
    expect(buckets['16']!.offsets[2]).toBeCloseTo(1, 6);
  });

  it('fits weights that know who was right', async () => {
    await live(8, (hour) => 0.2 * Math.sin(hour));
    await review();
    const [skill] = await skills().load([seriesId]);
    const { models, logits } = skill!.weights!.value as { models: string[]; logits: number[] };
    // Never seasonal naive: that is there to be lost to.
    expect(models).toEqual(['tsmixer/base', 'ttm/base']);
    expect(logits[1]! - logits[0]!).toBeGreaterThan(Math.log(10));
  });

  it('falls back to seasonal naive where the aggregate loses to it, with an audit row, and comes back when it does not', async () => {
    await live(8, (hour) => 3 + 0.1 * Math.sin(hour));
    await review();
    const changes = () =>
      query<{ champion: string; replaced: string; reason: string }>(`SELECT * FROM champions ORDER BY version`);
    expect(await changes()).toEqual([
      expect.objectContaining({
        version: 1,
        champion: 'seasonal-naive',
        replaced: 'aggregate',
        reason: expect.stringMatching(/^aggregate loses to seasonal-naive by \d+\.\d % over 192 points in 9 blocks/),
      }),
    ]);
    await query(`DELETE FROM scores`);
    await query(`UPDATE skill_reviews SET points = 999`);
    await query(
      `INSERT INTO scores
       SELECT $1, model, 1, '2026-05-01'::date + n, 24, loss, 10, 0, 0, 0, 0, 0, 0, 0, '{}'
       FROM (VALUES ('seasonal-naive', 9.0), ('aggregate-uncalibrated', 3.0)) AS m (model, loss), generate_series(1, 6) AS n`,
      [seriesId],
    );
    await review();
    expect((await changes()).at(-1)).toMatchObject({ champion: 'aggregate', replaced: 'seasonal-naive' });
  });

  it('knows what was known at a time', async () => {
    await live(8, (hour) => (hour % 2 ? 1.2 : -1.2));
    await review(new Date('2026-05-01T00:00:00Z'));
    expect((await skills().load([seriesId], new Date('2026-04-30T00:00:00Z')))[0]).toEqual({});
    expect((await skills().load([seriesId], new Date('2026-05-02T00:00:00Z')))[0]).toMatchObject({
      calibration: { version: 1 },
    });
  });

  it('fits weights again only when enough has come since', async () => {
    const versions = () => query<{ version: number }>(`SELECT version FROM aggregation_weights ORDER BY version`);
    const day = (n: number) => new Date(T0 + n * DAY);
    await live(8, (hour) => 0.2 * Math.sin(hour));
    await review(day(8));
    await query(`UPDATE skill_reviews SET points = 999`);
    await review(day(9));
    expect(await versions()).toEqual([{ version: 1 }]);
    await query(`UPDATE scored_points SET known_at = $1 WHERE ts >= $2`, [day(10), day(5)]);
    await query(`UPDATE skill_reviews SET points = 999`);
    await review(day(11));
    expect(await versions()).toEqual([{ version: 1 }, { version: 2 }]);
  });

  it('fits the weights of all series of one spacing together, once a day, and tells them to each', async () => {
    const { groups, skills: repository } = scoring(database().dataSource);
    const fits = () => query(`SELECT group_key, version, samples FROM group_weights ORDER BY version`);
    await live(8, (hour) => 0.2 * Math.sin(hour));
    expect(await groups.fitNext(new Date(T0 + 60 * DAY))).toBe('idle');
    await review(new Date(T0 + 60 * DAY));
    expect(await groups.fitNext(new Date(T0 + 61 * DAY))).toBe('fitted');
    expect(await fits()).toEqual([{ group_key: 'PT1H', version: 1, samples: expect.any(Number) as number }]);
    // Nothing new to learn from; and not before a day has passed.
    expect(await groups.fitNext(new Date(T0 + 63 * DAY))).toBe('idle');
    await query(`UPDATE skill_reviews SET reviewed_at = $1`, [new Date(T0 + 61.5 * DAY)]);
    expect(await groups.fitNext(new Date(T0 + 61.9 * DAY))).toBe('idle');

    const [young, other] = await repository.load([999, 999], undefined, undefined, ['PT1H', 'PT5M']);
    const { models } = young!.group!.value as { models: string[] };
    expect(models).toEqual(['tsmixer/base', 'ttm/base']);
    expect(other).toEqual({});
    expect(await repository.load([999], new Date(T0), undefined, ['PT1H'])).toEqual([{}]);
  });

  it('looks at a series only when there is something new', async () => {
    await live(1, () => 0);
    await review();
    expect(await query(`SELECT points FROM skill_reviews`)).toEqual([{ points: 0 }]);
    expect((await skills().load([seriesId]))[0]).toEqual({});
  });
});

describe('retention', () => {
  const now = new Date(T0 + 400 * DAY);
  const removeAll = async (more: Parameters<typeof scoring>[1]) => {
    const { retention } = scoring(database().dataSource, more);
    while ((await retention.removeNext(now)) === 'removed');
  };
  const count = async (table: string) =>
    Number((await query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`))[0]!.n);

  it('forgets old points, but never the newest 200 of a series', async () => {
    await query(
      `INSERT INTO scored_points
       SELECT $1, $2::timestamptz + n * interval '1 day', 0, now(), pg_current_snapshot() FROM generate_series(1, 300) AS n`,
      [seriesId, new Date(T0)],
    );
    await query(`INSERT INTO skill_reviews (series_id) VALUES ($1)`, [seriesId]);
    await removeAll({ pointDays: 399 });
    // Of two days past it one is a margin for scorers under way.
    expect(await count('scored_points')).toBe(300);
    await removeAll({ pointDays: 350 });
    expect(await count('scored_points')).toBe(252);
    await removeAll({ pointDays: 10 });
    expect(await count('scored_points')).toBe(200);
    expect(await query(`SELECT min(ts) AS oldest FROM scored_points`)).toEqual([{ oldest: new Date(T0 + 101 * DAY) }]);
  });

  it('leaves alone what came too late to know whether it was scored, and still corrects what it remembers', async () => {
    await foretell(0, 4);
    await arrive([[1, 0.5]], T0 + 2 * HOUR);
    await scoreAll();
    await arrive([[2, 0.5]], T0 + 300 * DAY);
    await arrive([[1, 0.7]], T0 + 300 * DAY);
    await scoreAll(scorer({ pointDays: 90 }), new Date(T0 + 300 * DAY));
    expect(await query(`SELECT ts, value FROM scored_points`)).toEqual([{ ts: new Date(T0 + HOUR), value: 0.7 }]);
    expect(await totals()).toMatchObject({ points: 1 });
  });

  it('removes old shadows in batches, and keeps the forecasts', async () => {
    const shadows = [{ model: 'seasonal-naive', quantiles: quantilesAround(3, 4) }];
    await foretell(0, 4, { shadows });
    await foretell(24, 4, { shadows });
    await query(
      `UPDATE shadow_forecasts s SET stored_at = f.issued_at FROM forecasts f WHERE f.forecast_id = s.forecast_id`,
    );
    await removeAll({ shadowDays: 399 });
    expect([await count('shadow_forecasts'), await count('forecasts')]).toEqual([1, 2]);
    expect(await new ScoreRepository(database().dataSource).forgetShadows(now, 0)).toBe(0);
    await removeAll({ shadowDays: 1 });
    expect(await count('shadow_forecasts')).toBe(0);
  });
});
