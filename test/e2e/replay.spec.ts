import { randomUUID } from 'node:crypto';
import { averageWeights } from '@app/uncertainty';
import { useRestProcess, type Json } from '../support/rest-process.js';
import { HOUR, POINTS, START, storeSeries } from '../support/rest-series.js';

interface Replay {
  readonly forecast_id: string;
  readonly reproduced: boolean;
  readonly largest_difference: number;
  readonly tolerance: number;
  readonly differences: { part: string; message: string }[];
  readonly mean: number[];
  readonly quantiles: Record<string, number[]>;
}
interface Forecast {
  readonly forecast_id: string;
  readonly model: string;
  readonly cutoff: string;
  readonly mean: number[];
  readonly quantiles: Record<string, number[]>;
}

const ITEMS = ['pump-1', 'pump-2', 'pump-3', 'pump-4', 'pump-5', 'pump-6', 'pump-7'];
const rest = useRestProcess(async (process) => {
  for (const item of ITEMS) await storeSeries(process, item, 'flow');
  await storeSeries(process, 'young', 'flow', 5);
  await storeSeries(process, 'revised', 'flow');
  await storeSeries(process, 'pruned', 'flow');
});

async function forecast(body: Json): Promise<Forecast[]> {
  const answer = await rest().post<{ forecasts: Forecast[] }>('/forecasts', { horizon: 24, ...body });
  expect(answer).toMatchObject({ status: 200 });
  return answer.body.forecasts;
}

async function replay(id: string | null, query = ''): Promise<Replay> {
  const { status, body } = await rest().post<Replay>(`/forecasts/${id}/replay${query}`, undefined);
  expect({ status, body }).toMatchObject({ status: 200 });
  return body;
}

const sql = (statement: string, ...values: unknown[]) => rest().dataSource.query<Json[]>(statement, values);
/** Changes a value as the ingest does: what it was is kept. */
async function revise(item: string, ts: number, value: number): Promise<void> {
  await sql(
    `WITH held AS (
       SELECT o.* FROM observations o JOIN series s USING (series_id) WHERE s.item_id = $1 AND o.ts = $2
     ), kept AS (
       INSERT INTO observation_revisions (series_id, ts, value, known_at, replaced_at)
       SELECT series_id, ts, value, known_at, now() FROM held
     )
     UPDATE observations o SET value = $3, known_at = now() FROM held WHERE o.series_id = held.series_id AND o.ts = held.ts`,
    item,
    new Date(ts),
    value,
  );
}

describe('POST /forecasts/{id}/replay', () => {
  it.each(['auto', 'ttm', 'seasonal-naive', 'drift', 'ets', 'mstl'])('gives the numbers of %s again', async (model) => {
    const [made, ...others] = await forecast({ item_id: ITEMS, model });

    for (const one of [made!, others.at(-1)!]) {
      const again = await replay(one.forecast_id);
      expect(again).toMatchObject({ forecast_id: one.forecast_id, reproduced: true, differences: [] });
      // Alone, not in a batch of seven: networks may differ by rounding.
      expect(again.largest_difference).toBeLessThanOrEqual(again.tolerance);
      if (one.model === model) expect(again.largest_difference).toBe(0);
      expect(Object.keys(again.quantiles)).toEqual(Object.keys(one.quantiles));
      one.mean.forEach((value, step) =>
        expect(Math.abs(value - again.mean[step]!)).toBeLessThanOrEqual(again.tolerance),
      );
    }
  });

  it('takes the weights that it was made with, not those that were learnt since', async () => {
    const [first] = await forecast({ item_id: 'pump-5' });
    const [row] = await sql(`SELECT series_id, parts FROM forecasts WHERE forecast_id = $1`, first!.forecast_id);
    const { aggregation } = row!.parts as { aggregation: { models: Record<string, number> } };
    const models = Object.keys(aggregation.models);
    expect(models.length).toBeGreaterThan(1);
    const learn = (version: number, favourite: number) =>
      sql(
        `INSERT INTO aggregation_weights (series_id, version, weights, samples, created_at) VALUES ($1, $2, $3, 1, now())`,
        row!.series_id,
        version,
        JSON.stringify({ ...averageWeights(models), logits: models.map((_, i) => (i === favourite ? 5 : 0)) }),
      );
    await learn(1, 0);
    const [made] = await forecast({ item_id: 'pump-5' });
    await learn(2, models.length - 1);

    expect((await forecast({ item_id: 'pump-5' }))[0]!.mean).not.toEqual(made!.mean);
    expect(await replay(made!.forecast_id)).toMatchObject({ reproduced: true, differences: [] });
    // What was made of a trial inside the context, before anything was learnt, is so again.
    expect(await replay(first!.forecast_id)).toMatchObject({ reproduced: true, differences: [] });
    await sql(`DELETE FROM aggregation_weights WHERE version = 1`);
    expect(await replay(made!.forecast_id)).toMatchObject({ reproduced: false, differences: [{ part: 'weights' }] });
  });

  it('takes the calibration and the weights of the group that it was made with', async () => {
    const [first] = await forecast({ item_id: 'pump-6' });
    const [row] = await sql(`SELECT series_id, freq, parts FROM forecasts WHERE forecast_id = $1`, first!.forecast_id);
    const models = Object.keys((row!.parts as { aggregation: { models: object } }).aggregation.models);
    const learn = async (version: number, offset: number) => {
      const bucket = { scores: 200, offsets: Array.from({ length: 6 }, () => offset), missTargets: [] };
      await sql(`INSERT INTO calibrations VALUES ($1, $2, $3, now())`, row!.series_id, version, {
        1: bucket,
        8: bucket,
      });
      const weights = { ...averageWeights(models), logits: models.map((_, i) => i * offset) };
      await sql(`INSERT INTO group_weights VALUES ($1, $2, $3, 1, now())`, row!.freq, version, weights);
    };
    await learn(1, 0.5);
    const [made] = await forecast({ item_id: 'pump-6' });
    await learn(2, 4);

    const [parts] = await sql(
      `SELECT parts -> 'aggregation' AS own FROM forecasts WHERE forecast_id = $1`,
      made!.forecast_id,
    );
    expect(parts!.own).toMatchObject({
      weights: { from: 'trial', group: 1 },
      calibration: { from: 'scorecard', version: 1, scores: 200 },
    });
    expect((await forecast({ item_id: 'pump-6' }))[0]!.quantiles['0.9']).not.toEqual(made!.quantiles['0.9']);
    expect(await replay(made!.forecast_id)).toMatchObject({ reproduced: true, differences: [] });
    expect(await replay(first!.forecast_id)).toMatchObject({ reproduced: true, differences: [] });
    await sql(`DELETE FROM group_weights`);
    expect((await replay(made!.forecast_id)).differences).toEqual([
      { part: 'weights', message: 'version 1 of the group is not kept any more' },
    ]);
  });

  it('serves the champion that it was made with again, and says in its parts why it fell back to it', async () => {
    const crown = (version: number, champion: string) =>
      sql(
        `INSERT INTO champions SELECT series_id, $1, $2, 'aggregate', 'aggregate loses by 9 %', now() FROM series WHERE item_id = 'pump-7'`,
        version,
        champion,
      );
    await crown(1, 'seasonal-naive');
    const [made] = await forecast({ item_id: 'pump-7' });
    await crown(2, 'aggregate');

    expect(made!.model).toBe('seasonal-naive');
    const [parts] = await sql(
      `SELECT parts -> 'aggregation' AS own FROM forecasts WHERE forecast_id = $1`,
      made!.forecast_id,
    );
    expect(parts!.own).toMatchObject({
      models: { 'seasonal-naive': 1 },
      champion: { model: 'seasonal-naive', version: 1, reason: 'aggregate loses by 9 %' },
    });
    expect((await forecast({ item_id: 'pump-7' }))[0]!.model).toBe('aggregate');
    expect(await replay(made!.forecast_id)).toMatchObject({ reproduced: true, largest_difference: 0, differences: [] });
  });

  it('answers at the levels asked for', async () => {
    const [made] = await forecast({ item_id: 'young', horizon: 3 });

    const again = await replay(made!.forecast_id, '?coverage=0.8');
    expect(again).toMatchObject({ reproduced: true, levels: [0.1, 0.9] });
    expect(again.quantiles['0.9']).toEqual(made!.quantiles['0.9']);
  });

  it('knows what was known: points and corrections that came later change nothing', async () => {
    const [made] = await forecast({ item_id: 'revised' });
    await revise('revised', START + (POINTS - 3) * HOUR, 99);
    await revise('revised', START + (POINTS - 3) * HOUR, 98);
    await sql(
      `INSERT INTO observations SELECT series_id, $1, 55, 0, now() FROM series WHERE item_id = 'revised'`,
      new Date(START + POINTS * HOUR),
    );

    expect(await replay(made!.forecast_id)).toMatchObject({ reproduced: true, differences: [] });
    const [now] = await forecast({ item_id: 'revised' });
    expect(now!.cutoff).not.toBe(made!.cutoff);
    expect(now!.mean).not.toEqual(made!.mean);
  });

  it('replays what was forecast as of an earlier time', async () => {
    const as_of = new Date(START + 100 * HOUR).toISOString();
    const [made] = await forecast({ item_id: 'revised', as_of, model: 'seasonal-naive' });

    expect(made!.cutoff).toBe(as_of);
    expect(await replay(made!.forecast_id)).toMatchObject({ reproduced: true, largest_difference: 0, differences: [] });
  });

  it('says that the window is another one, and that nothing is left of it', async () => {
    const [made] = await forecast({ item_id: 'pruned', model: 'seasonal-naive' });
    const [other] = await forecast({ item_id: 'pruned', model: 'seasonal-naive' });
    await sql(
      `DELETE FROM observations o USING series s WHERE o.series_id = s.series_id AND s.item_id = 'pruned' AND ts >= $1`,
      new Date(START + (POINTS - 5) * HOUR),
    );

    const again = await replay(made!.forecast_id);
    expect(again).toMatchObject({ reproduced: false, differences: [{ part: 'window' }] });
    expect(again.differences[0]!.message).toContain('240 grid points');
    expect(again.largest_difference).toBeGreaterThan(again.tolerance);

    await sql(`DELETE FROM observations o USING series s WHERE o.series_id = s.series_id AND s.item_id = 'pruned'`);
    expect(await rest().post(`/forecasts/${other!.forecast_id}/replay`, undefined)).toMatchObject({
      status: 422,
      type: expect.stringContaining('application/problem+json') as string,
      body: { code: 'NO_OBSERVATIONS', item_id: 'pruned', channel: 'flow', forecast_id: other!.forecast_id },
    });
  });

  it('says that the package is another one, or ran elsewhere', async () => {
    const [made] = await forecast({ item_id: 'pump-1', model: 'ttm' });
    await sql(`UPDATE forecasts SET model_sha256 = 'abc', provider = 'cuda' WHERE forecast_id = $1`, made!.forecast_id);

    const again = await replay(made!.forecast_id);
    expect(again.reproduced).toBe(true);
    expect(again.differences).toEqual([
      { part: 'model-version', message: expect.stringMatching(/^it was abc, now it is [\da-f]{64}$/) as string },
      { part: 'provider', message: 'it was cuda, now it is cpu' },
    ]);
  });

  it.each([
    ['no uuid', 400, 'INVALID_REQUEST'],
    [randomUUID(), 404, 'NOT_FOUND'],
  ])('refuses the id %s', async (id, status, code) => {
    expect(await rest().post(`/forecasts/${id}/replay`, undefined)).toMatchObject({ status, body: { code } });
  });

  it('refuses what can not be made again', async () => {
    const [gone, old] = await forecast({ item_id: ['pump-1', 'pump-2'], model: 'seasonal-naive', horizon: 1 });
    await sql(`UPDATE forecasts SET model = 'ttm/gone' WHERE forecast_id = $1`, gone!.forecast_id);
    await sql(`UPDATE forecasts SET parts = parts - 'context' WHERE forecast_id = $1`, old!.forecast_id);

    expect(await rest().post(`/forecasts/${gone!.forecast_id}/replay`, undefined)).toMatchObject({
      status: 404,
      body: { code: 'MODEL_NOT_FOUND', detail: expect.stringContaining('ttm/gone') as string },
    });
    expect(await rest().post(`/forecasts/${old!.forecast_id}/replay`, undefined)).toMatchObject({
      status: 422,
      body: { code: 'REPLAY_UNAVAILABLE', forecast_id: old!.forecast_id },
    });
  });
});

describe('GET /forecasts/latest?as_of=', () => {
  it('gives what had been issued by then', async () => {
    const [first] = await forecast({ item_id: 'pump-6', horizon: 2 });
    const [second] = await forecast({ item_id: 'pump-6', horizon: 3 });
    await sql(`UPDATE forecasts SET issued_at = '2026-02-01Z' WHERE forecast_id = $1`, first!.forecast_id);
    await sql(
      `DELETE FROM forecasts f USING series s WHERE s.series_id = f.series_id AND s.item_id = 'pump-6'
         AND f.forecast_id <> ALL ($1::uuid[])`,
      [first!.forecast_id, second!.forecast_id],
    );
    const latest = async (as_of: string) =>
      (await rest().get<{ forecasts: Forecast[] }>(`/forecasts/latest?item_id=pump-6&as_of=${as_of}`)).body;

    expect((await latest('2026-02-01T00:00:00Z')).forecasts).toMatchObject([{ forecast_id: first!.forecast_id }]);
    expect((await latest(new Date().toISOString())).forecasts).toMatchObject([{ forecast_id: second!.forecast_id }]);
    expect(await latest('2026-01-31T23:59:59Z')).toMatchObject({
      code: 'NOT_FOUND',
      detail: expect.stringContaining('issued by 2026-01-31T23:59:59.000Z') as string,
    });
    expect(await latest('yesterday')).toMatchObject({ code: 'INVALID_REQUEST' });
  });
});
