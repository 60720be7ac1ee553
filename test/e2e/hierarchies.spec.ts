import { jest } from '@jest/globals';
import { CANONICAL_LEVELS } from '@app/series';
import { storeSeries } from '../../apps/forecaster/test/stored-series.js';
import { useRestProcess, type Json } from '../support/rest-process.js';
import { HOUR, START } from '../support/rest-series.js';

// Each answer is some dozens of forecasts.
jest.setTimeout(60_000);

const POINTS = 336;

interface Node {
  readonly path: Record<string, string>;
  readonly item_id: string | null;
  readonly leaves: number;
  readonly model: string;
  readonly mean: number[];
  readonly quantiles: Record<string, number[]>;
}
interface Reconciled {
  readonly cutoff: string;
  readonly ts: string[];
  readonly errors: { source: string; count: number; shrinkage: number };
  readonly non_negative: boolean;
  readonly nodes: Node[];
}

/** A daily wave of its own size and phase, with noise that is the same in every run. */
function wave(number: number, count = POINTS, level = 100): [number, number][] {
  let state = number + 1;
  const noise = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5;
  return Array.from({ length: count }, (_, i) => [
    START + i * HOUR,
    level * (number + 1) + 30 * Math.sin(((i + 3 * number) * Math.PI) / 12) + 10 * noise(),
  ]);
}

const rest = useRestProcess(async ({ dataSource }) => {
  const seed = (itemId: string, labels: Record<string, string>, points: [number, number][], rest: Json = {}) =>
    storeSeries(dataSource, { itemId, channel: 'load', labels, freq: 'PT1H', season: 24, points, ...rest });
  await seed('m1', { region: 'north', site: 'a' }, wave(0));
  await seed('m2', { region: 'north', site: 'b' }, wave(1));
  await seed('m3', { region: 'south', site: 'c' }, wave(2));
  await seed('m4', { region: 'south', site: 'c' }, wave(3));
  await storeSeries(dataSource, { itemId: 'm1', channel: 'temp', labels: { region: 'north' }, points: wave(9) });
  await seed(
    'small',
    { tiny: 'x', kind: 'zero' },
    wave(0, 200, 0).map(([ts, value]) => [ts, Math.max(0, value - 25)]),
  );
  await seed(
    'small-2',
    { tiny: 'y', kind: 'zero' },
    wave(1, 200, 0).map(([ts, value]) => [ts, Math.max(0, value - 25)]),
  );
  await seed('short-1', { place: 'x' }, wave(0, 5));
  await seed('short-2', { place: 'y' }, wave(1, 5));
  await seed('homeless', { area: 'x', hut: 'p' }, wave(1, 30));
  await seed('hutless', { area: 'x' }, wave(1, 30));
  await seed('silent', { street: 'x' }, []);
  await seed('loud', { street: 'y' }, wave(1, 30));
  await seed('late', { plant: 'x' }, wave(1, 20));
  await seed('early', { plant: 'y' }, wave(1, 22));
  await seed('hourly', { pace: 'x' }, wave(1, 30));
  await seed('daily', { pace: 'y' }, wave(1, 30), { freq: 'P1D' });
});

const ask = (body: Json) => rest().post<Reconciled & { code: string; detail: string }>('/forecasts/reconciled', body);
const regions = { by: ['region', 'site'], channel: 'load' };

function node(nodes: readonly Node[], path: Record<string, string>, itemId: string | null = null): Node {
  return nodes.find((one) => JSON.stringify(one.path) === JSON.stringify(path) && one.item_id === itemId)!;
}

function expectCoherent(nodes: readonly Node[]): void {
  const leaves = nodes.filter(({ item_id }) => item_id !== null);
  for (const sum of nodes) {
    const members = leaves.filter(({ path }) => Object.entries(sum.path).every(([key, value]) => path[key] === value));
    sum.mean.forEach((value, step) => {
      const total = sum.item_id === null ? members.reduce((all, { mean }) => all + mean[step]!, 0) : value;
      expect(Math.abs(value - total)).toBeLessThan(1e-9 * Math.max(1, Math.abs(total)));
    });
    const columns = Object.values(sum.quantiles);
    columns
      .slice(1)
      .forEach((column, i) =>
        column.forEach((value, step) => expect(value).toBeGreaterThanOrEqual(columns[i]![step]!)),
      );
  }
}

describe('POST /forecasts/reconciled', () => {
  it.each([
    ['min_trace', 'seasonal-naive'],
    ['bottom_up', 'mstl'],
    ['min_trace', 'auto'],
  ])('adds up, %s of %s', async (method, model) => {
    const { status, body } = await ask({ hierarchy: regions, horizon: 12, method, model });

    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        method,
        cutoff: new Date(START + (POINTS - 1) * HOUR).toISOString(),
        freq: 'PT1H',
        errors: { source: 'back-test', count: 96 },
        non_negative: true,
      },
    });
    expect(body.nodes.map(({ path, item_id, leaves }) => [Object.values(path).join('/'), item_id, leaves])).toEqual([
      ['', null, 4],
      ['north', null, 2],
      ['south', null, 2],
      ['north/a', null, 1],
      ['north/b', null, 1],
      ['south/c', null, 2],
      ['north/a', 'm1', 1],
      ['north/b', 'm2', 1],
      ['south/c', 'm3', 1],
      ['south/c', 'm4', 1],
    ]);
    expect(body.ts).toHaveLength(12);
    expect(Object.keys(body.nodes[0]!.quantiles)).toEqual(CANONICAL_LEVELS.map(String));
    expectCoherent(body.nodes);
    // It is a forecast, not just any numbers that add up: 100 + 200 + 300 + 400, and waves that nearly cancel.
    const truth = (step: number) =>
      wave(0, POINTS + step).at(-1)![1] +
      wave(1, POINTS + step).at(-1)![1] +
      wave(2, POINTS + step).at(-1)![1] +
      wave(3, POINTS + step).at(-1)![1];
    body.nodes[0]!.mean.forEach((value, step) => expect(Math.abs(value - truth(step + 1))).toBeLessThan(40));
  });

  it('bottom-up leaves the forecasts of the series as they are', async () => {
    const { body } = await ask({ hierarchy: regions, horizon: 6, method: 'bottom_up', model: 'seasonal-naive' });
    const alone = await rest().post<{ forecasts: Node[] }>('/forecasts', {
      item_id: 'm3',
      channel: 'load',
      horizon: 6,
      model: 'seasonal-naive',
    });

    const [expected] = alone.body.forecasts;
    const leaf = node(body.nodes, { region: 'south', site: 'c' }, 'm3');
    leaf.mean.forEach((value, step) => expect(value).toBeCloseTo(expected!.mean[step]!, 9));
    leaf.quantiles['0.9']!.forEach((value, step) =>
      expect(Math.abs(value - expected!.quantiles['0.9']![step]!)).toBeLessThan(0.1),
    );
    // What does not go hand in hand spreads less than its parts together.
    const width = ({ quantiles }: Node) => quantiles['0.975']![0]! - quantiles['0.025']![0]!;
    const leaves = body.nodes.filter(({ item_id }) => item_id !== null);
    expect(width(node(body.nodes, {}))).toBeLessThan(leaves.reduce((sum, one) => sum + width(one), 0));
  });

  it('has the same answer for the same question', async () => {
    const body = { hierarchy: { ...regions, labels: { region: 'north' } }, horizon: 3, model: 'mstl', coverage: 0.8 };

    const first = await ask(body);
    expect(first.body.nodes.map(({ leaves }) => leaves)).toEqual([2, 2, 1, 1, 1, 1]);
    expect(Object.keys(first.body.nodes[0]!.quantiles)).toEqual(['0.1', '0.9']);
    expect((await ask(body)).body).toEqual(first.body);
  });

  it('forecasts as of an earlier time', async () => {
    const as_of = new Date(START + 200 * HOUR).toISOString();

    expect((await ask({ hierarchy: regions, horizon: 3, model: 'drift', as_of })).body).toMatchObject({
      cutoff: as_of,
    });
  });

  it('never goes below zero where no series ever did', async () => {
    const { body } = await ask({ hierarchy: { by: ['tiny'], channel: 'load' }, horizon: 24, model: 'drift' });

    expect(body.non_negative).toBe(true);
    for (const { mean, quantiles } of body.nodes) {
      expect(Math.min(...mean, ...Object.values(quantiles).flat())).toBeGreaterThanOrEqual(0);
    }
    expectCoherent(body.nodes);
  });

  it('adds up from the first points on, with nothing to learn from', async () => {
    const { body } = await ask({ hierarchy: { by: ['place'], channel: 'load' }, horizon: 2 });

    expect(body.errors).toEqual({ source: 'none', count: 0, shrinkage: 1 });
    expectCoherent(body.nodes);
  });

  it('starts from the newest time that all series have', async () => {
    const { body } = await ask({ hierarchy: { by: ['plant'], channel: 'load' }, horizon: 3, model: 'drift' });

    expect(body.cutoff).toBe(new Date(START + 19 * HOUR).toISOString());
  });

  it.each([
    [
      { hierarchy: { by: ['plant'], channel: 'load' }, horizon: 2 },
      422,
      'HIERARCHY_INVALID',
      /late\/load has no point after/,
    ],
    [
      { hierarchy: { by: ['area', 'hut'], channel: 'load' } },
      422,
      'HIERARCHY_INVALID',
      /hutless\/load has no label "hut"/,
    ],
    [{ hierarchy: { by: ['pace'], channel: 'load' } }, 422, 'HIERARCHY_INVALID', /P1D.*PT1H/],
    [{ hierarchy: { by: ['street'], channel: 'load' } }, 422, 'NO_OBSERVATIONS', /silent\/load has no observation/],
    [{ hierarchy: { by: ['nothing'], channel: 'load' } }, 404, 'NOT_FOUND', /channel "load".* label nothing/],
    [{ hierarchy: regions, model: 'nonsense' }, 404, 'MODEL_NOT_FOUND', /nonsense/],
    [{ hierarchy: regions, horizon: 1_001 }, 400, 'HORIZON_TOO_LONG', /1001/],
    [{ hierarchy: regions, as_of: '2999-01-01T00:00:00Z' }, 400, 'INVALID_REQUEST', /future/],
    [{ hierarchy: { by: [], channel: 'load' } }, 400, 'INVALID_REQUEST', /hierarchy\.by/],
    [{ hierarchy: { by: ['site', 'site'], channel: 'load' } }, 400, 'INVALID_REQUEST', /twice/],
    [{ hierarchy: regions, method: 'magic' }, 400, 'INVALID_REQUEST', /method/],
    [{ hierarchy: regions, levels: [2] }, 400, 'LEVELS_INVALID', /level 2/],
    [{ horizon: 3 }, 400, 'INVALID_REQUEST', /hierarchy/],
  ])('refuses %j', async (body: Json, status, code, detail) => {
    expect(await ask({ horizon: 3, ...body })).toMatchObject({
      status,
      type: expect.stringContaining('application/problem+json') as string,
      body: { code, detail: expect.stringMatching(detail) as string },
    });
  });
});
