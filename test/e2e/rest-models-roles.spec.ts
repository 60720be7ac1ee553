import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeObservations } from '@app/persistence';
import { CANONICAL_LEVELS } from '@app/series';
import { jest } from '@jest/globals';
import { scoring } from '../../apps/forecaster/test/scoring.js';
import { storeSeries } from '../../apps/forecaster/test/stored-series.js';
import { writeTinyPackage } from '../../libs/inference/src/fixtures/tiny-model.js';
import { truncate } from '../support/database.js';
import { HOUR } from '../support/forecasts.js';
import { useRestProcess, type Json } from '../support/rest-process.js';

jest.setTimeout(60_000);

const T0 = Date.parse('2026-03-01T00:00:00Z');
// As many steps as weights are learnt from.
const [CONTEXT, HORIZON] = [240, 120];
const MEDIAN = CANONICAL_LEVELS.indexOf(0.5);

const folder = mkdtempSync(join(tmpdir(), 'tidecast-roles-'));
writeTinyPackage(folder, 'base');
// No `…/base`: auto puts it together with nothing, it is there by its role only.
writeTinyPackage(folder, 'next', { shift: -2 });
afterAll(() => rmSync(folder, { recursive: true }));

interface Issued {
  readonly forecast_id: string;
  readonly item_id: string;
  readonly model: string;
}

describe('roles of models', () => {
  const rest = useRestProcess(undefined, { env: { MODELS_DIR: folder, PROVIDER: 'cpu' } });
  const query = <T>(sql: string, parameters: unknown[] = []) => rest().dataSource.query<T[]>(sql, parameters);
  const ids = new Map<string, number>();

  beforeEach(async () => {
    const scored = ['score_tasks', 'scored_points', 'scores', 'skill_reviews', 'forecast_spans'];
    const learnt = ['aggregation_weights', 'calibrations', 'champions', 'model_roles'];
    await truncate(rest().dataSource, 'forecasts', 'observations', 'series', ...scored, ...learnt);
    for (const [itemId, site] of [
      ['pump-1', 'north'],
      ['pump-2', 'south'],
      ['fan_1', 'north'],
    ] as const) {
      const points = Array.from({ length: CONTEXT }, (_, i) => {
        const ts = T0 - (CONTEXT - 1 - i) * 2 * HOUR;
        return [ts, 10 + Math.sin((i * Math.PI) / 6) + 0.3 * Math.sin(i * i)] as const;
      });
      ids.set(itemId, await storeSeries(rest().dataSource, { itemId, labels: { site }, freq: 'PT2H', points }));
    }
  });

  const put = (name: string, body: Json) => rest().call('PUT', `/models/roles/${name}`, body);
  const shadow = (selector: Json) => ({ role: 'shadow', model: 'ttm/next', selector });
  const forecast = async (model = 'auto', horizon = HORIZON) => {
    const { status, body } = await rest().post<{ forecasts: Issued[] }>('/forecasts', {
      item_id: [...ids.keys()],
      horizon,
      model,
    });
    expect(status).toBe(200);
    return new Map(body.forecasts.map((one) => [one.item_id, one]));
  };
  const shadows = async ({ forecast_id }: Issued) => {
    const rows = await query<{ model: string; quantiles: number[] }>(
      'SELECT model, quantiles FROM shadow_forecasts WHERE forecast_id = $1 ORDER BY model',
      [forecast_id],
    );
    return new Map(rows.map(({ model, quantiles }) => [model, quantiles]));
  };
  const rolesOf = async ({ forecast_id }: Issued) => {
    const [row] = await query<{ roles: Json | null }>(
      `SELECT parts -> 'roles' AS roles FROM forecasts WHERE forecast_id = $1`,
      [forecast_id],
    );
    return row!.roles;
  };
  /** The actuals come exactly as a model foretold, and are scored and learnt from. */
  const comeTrue = async (itemId: string, quantiles: readonly number[], [from, to] = [0, HORIZON]) => {
    const { dataSource } = rest();
    const steps = Array.from({ length: to - from }, (_, i) => from + i);
    await dataSource.query(`SELECT ensure_observation_partitions($1::timestamptz, $2)`, [
      new Date(T0),
      new Date(T0 + (HORIZON + 1) * 2 * HOUR),
    ]);
    await dataSource.transaction((manager) =>
      writeObservations(
        manager,
        {
          seriesIds: Int32Array.from(steps, () => ids.get(itemId)!),
          ts: Float64Array.from(steps, (step) => T0 + (step + 1) * 2 * HOUR),
          values: Float64Array.from(steps, (step) => quantiles[step * CANONICAL_LEVELS.length + MEDIAN]!),
          flags: undefined,
          fresh: true,
        },
        new Date(Date.now() + 1_000),
      ),
    );
    const { scorecard, reviews } = scoring(dataSource);
    while ((await scorecard.scoreNext(new Date())) === 'scored');
    while ((await reviews.reviewNext(new Date())) === 'reviewed');
  };

  it('let a shadow forecast on the same windows, stored and scored, and never serve it', async () => {
    expect(await put('next', shadow({ item_ids: ['pump-1'] }))).toMatchObject({
      status: 200,
      body: { name: 'next', role: 'shadow', model: 'ttm/next', version: 1, selector: { item_ids: ['pump-1'] } },
    });
    const made = await forecast();
    expect([...made.values()].map(({ model }) => model)).toEqual(['aggregate', 'aggregate', 'aggregate']);
    const own = await shadows(made.get('pump-1')!);
    expect([...own.keys()]).toEqual(expect.arrayContaining(['ttm/base', 'ttm/next', 'seasonal-naive']));
    expect([...(await shadows(made.get('pump-2')!)).keys()]).not.toContain('ttm/next');
    expect(await rolesOf(made.get('pump-1')!)).toEqual({ 'ttm/next': { role: 'shadow', by: 'next', outside: true } });
    expect(await rolesOf(made.get('pump-2')!)).toBeNull();

    // A forecast from every twentieth of the way: weights are learnt from several forecasts.
    for (let step = 0; step < HORIZON; step += HORIZON / 20) {
      await comeTrue('pump-1', own.get('ttm/next')!, [step, step + HORIZON / 20]);
      await forecast();
    }
    const { body } = await rest().get<{ scores: Json[] }>('/scorecard?item_id=pump-1&from=2026-03-01&to=2026-03-20');
    expect(body.scores.map(({ model }) => model)).toEqual(expect.arrayContaining(['aggregate', 'ttm/next']));
    const crowned = await query<{ champion: string }>('SELECT champion FROM champions');
    expect(crowned.map(({ champion }) => champion)).not.toContain('ttm/next');
    const weights = await query<{ models: string[] }>(`SELECT weights -> 'models' AS models FROM aggregation_weights`);
    expect(weights.length).toBeGreaterThan(0);
    for (const { models } of weights) expect(models).not.toContain('ttm/next');

    // Asked for by name, the shadow goes along all the same.
    const named = await forecast('ttm/base', 4);
    expect([...(await shadows(named.get('pump-1')!)).keys()]).toEqual(['ttm/next']);
  });

  it('let a challenger that is clearly better take over, with the reason on record; its forecasts are replayed', async () => {
    await put('next', { ...shadow({ item_pattern: 'pump-*', labels: { site: 'south' } }), role: 'challenger' });
    const before = await forecast();
    const said = (await shadows(before.get('pump-2')!)).get('ttm/next')!;
    expect(before.get('pump-2')!.model).toBe('aggregate');
    await comeTrue('pump-2', said);
    expect(await query('SELECT champion, replaced, reason FROM champions')).toEqual([
      { champion: 'ttm/next', replaced: 'aggregate', reason: expect.stringContaining('loses') },
    ]);
    const after = await forecast('auto', 12);
    const served = after.get('pump-2')!;
    expect(served.model).toBe('ttm/next');
    const behind = [...(await shadows(served)).keys()];
    expect(behind).toEqual(expect.arrayContaining(['aggregate', 'aggregate-uncalibrated', 'ttm/base']));
    expect(behind).not.toContain('ttm/next');
    expect(await rolesOf(served)).toEqual({ 'ttm/next': { role: 'champion', by: 'next', outside: true } });
    const replay = await rest().post(`/forecasts/${served.forecast_id}/replay`, {});
    expect(replay).toMatchObject({ status: 200, body: { reproduced: true, differences: [], model: 'ttm/next' } });
    // Nobody else's champion has changed.
    expect(after.get('pump-1')!.model).toBe('aggregate');
  });

  it('serve a champion by selector under auto, the one that was set last; not where a model is asked for by name', async () => {
    await put('north', { role: 'champion', model: 'ttm/next', selector: { labels: { site: 'north' } } });
    await put('fans', { role: 'champion', model: 'drift', selector: { item_pattern: 'fan_*' }, reason: 'so told' });
    const models = async (asked?: string) => [...(await forecast(asked, 4)).values()].map(({ model }) => model);
    expect(await models()).toEqual(['ttm/next', 'aggregate', 'drift']);
    expect(await models('ttm/base')).toEqual(['ttm/base', 'ttm/base', 'ttm/base']);
    // `_` is no wildcard.
    await put('fans', { role: 'champion', model: 'drift', selector: { item_pattern: 'pump_1' } });
    expect(await models()).toEqual(['ttm/next', 'aggregate', 'ttm/next']);

    expect((await rest().call('DELETE', '/models/roles/north?reason=lost')).status).toBe(204);
    expect(await models()).toEqual(['aggregate', 'aggregate', 'aggregate']);
    const { body } = await rest().get<{ roles: Json[] }>('/models/roles');
    expect(body.roles.map(({ name }) => name)).toEqual(['fans']);
    expect(await rest().get('/models/roles/north/history')).toMatchObject({
      status: 200,
      body: {
        changes: [
          { version: 2, role: null, model: null, selector: null, reason: 'lost' },
          { version: 1, role: 'champion', model: 'ttm/next', selector: { labels: { site: 'north' } }, reason: null },
        ],
      },
    });
  });

  it('serve what auto says where the champion can not forecast, and say why', async () => {
    await put('north', { role: 'champion', model: 'ttm/next', selector: {} });
    // Removed from the disk after it got its role.
    writeTinyPackage(folder, 'gone');
    await rest().post('/models/scan', {});
    await put('gone', { role: 'champion', model: 'ttm/gone', selector: {} });
    rmSync(join(folder, 'ttm', 'gone'), { recursive: true });
    await rest().post('/models/scan', {});
    const served = (await forecast('auto', 4)).get('pump-1')!;
    expect(served.model).toBe('aggregate');
    expect(await rolesOf(served)).toEqual({
      'ttm/gone': { role: 'champion', by: 'gone', outside: true, failed: expect.stringContaining('no model') },
      'ttm/next': { role: 'challenger', by: 'north', outside: true },
    });
  });

  it.each([
    ['a model that there is not', { model: 'ttm/none' }, 404, 'MODEL_NOT_FOUND', 'there is no model "ttm/none"'],
    ['auto', { model: 'auto' }, 400, 'INVALID_REQUEST', '"auto" can\'t have a role'],
    ['a family', { model: 'ttm' }, 400, 'INVALID_REQUEST', '"ttm" can\'t have a role'],
    ['another role', { role: 'king' }, 400, 'INVALID_REQUEST', 'role'],
    ['an empty list of items', { selector: { item_ids: [] } }, 400, 'INVALID_REQUEST', 'item_ids'],
    ['a selector that nobody knows', { selector: { channel: 'x' } }, 400, 'INVALID_REQUEST', 'channel'],
  ])('refuse %s', async (_, wrong, status, code, detail) => {
    const answer = await put('bad', { ...shadow({}), ...wrong });
    expect(answer).toMatchObject({ status, body: { code, detail: expect.stringContaining(detail) } });
  });

  it('refuse a name that can not stand in a path, and know what there is not', async () => {
    expect(await put('a%20b', shadow({}))).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
    for (const [method, path] of [
      ['GET', '/models/roles/none'],
      ['DELETE', '/models/roles/none'],
      ['GET', '/models/roles/none/history'],
    ] as const) {
      expect(await rest().call(method, path)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    }
  });
});

describe('a stream policy', () => {
  const rest = useRestProcess(undefined, { env: { MODELS_DIR: folder, PROVIDER: 'cpu' } });

  it('is refused for a model that there is not', async () => {
    expect(await rest().post('/stream-policies', { horizon: 3, model: 'ttm/none' })).toMatchObject({
      status: 404,
      body: { code: 'MODEL_NOT_FOUND', detail: expect.stringContaining('there are auto, ') },
    });
    expect(await rest().post('/stream-policies', { horizon: 3, model: 'ttm' })).toMatchObject({ status: 201 });
  });
});
