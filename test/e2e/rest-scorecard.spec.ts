import { ScorecardReader } from '../../apps/gateway/src/scorecard/scorecard.reader.js';
import { scorecardQuery } from '../../apps/gateway/src/scorecard/scorecard.schema.js';
import { storeSeries } from '../../apps/forecaster/test/stored-series.js';
import { truncate, useDatabase } from '../support/database.js';

const database = useDatabase();
const NOW = new Date('2026-03-31T12:00:00Z');
const read = (query: Record<string, string>) =>
  new ScorecardReader(database().dataSource).read(scorecardQuery.parse(query), NOW);

beforeEach(async () => {
  const { dataSource } = database();
  await truncate(dataSource, 'scores', 'champions', 'series');
  const seriesId = await storeSeries(dataSource, { itemId: 'pump', channel: 'flow' });
  await storeSeries(dataSource, { itemId: 'pump', channel: 'temp' });
  const rows = [
    ['aggregate', 1, '2026-03-30', 10, 8],
    ['aggregate', 1, '2026-03-31', 30, 27],
    ['aggregate', 2, '2026-03-31', 20, 15],
    ['aggregate', 1, '2026-01-01', 99, 0],
    ['ttm/base', 1, '2026-03-31', 0, 0],
  ] as const;
  for (const [model, bucket, day, points, inside] of rows) {
    await dataSource.query(
      `INSERT INTO scores VALUES ($1, $2, $3, $4, $5::bigint, $5, 2 * $5, $6, $5, $5, $5, 3 * $5, 0, 0, '{}')`,
      [seriesId, model, bucket, day, points, inside],
    );
  }
  await dataSource.query(
    `INSERT INTO champions VALUES ($1, 1, 'seasonal-naive', 'aggregate', 'because', $2), ($1, 2, 'aggregate', 'seasonal-naive', 'again', $2)`,
    [seriesId, NOW],
  );
});

describe('GET /scorecard', () => {
  it('adds days up, by lead bucket and over all leads', async () => {
    const { from, to, scores } = await read({ item_id: 'pump' });
    expect([from, to]).toEqual(['2026-03-02', '2026-03-31']);
    expect(
      scores.map(({ model, lead_bucket, points, coverage_80 }) => [model, lead_bucket, points, coverage_80]),
    ).toEqual([
      ['aggregate', null, 60, 50 / 60],
      ['aggregate', 1, 40, 35 / 40],
      ['aggregate', 2, 20, 15 / 20],
    ]);
    expect(scores[0]).toMatchObject({ channel: 'flow', wql: 0.5, mase: null, mae: 3 });
  });

  it('tells what is served, the newest change first', async () => {
    const { champions } = await read({ item_id: 'pump', channel: 'flow' });
    expect(champions.map(({ champion, reason }) => [champion, reason])).toEqual([
      ['aggregate', 'again'],
      ['seasonal-naive', 'because'],
    ]);
  });

  it('narrows by days and model', async () => {
    expect((await read({ item_id: 'pump', from: '2026-01-01', to: '2026-01-01' })).scores).toHaveLength(2);
    expect((await read({ item_id: 'pump', model: 'mstl' })).scores).toEqual([]);
    expect((await read({ item_id: 'pump', channel: 'temp' })).scores).toEqual([]);
  });

  it('refuses by name what it can not answer', async () => {
    await expect(read({ item_id: 'nothing' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(read({ item_id: 'pump', channel: 'x' })).rejects.toThrow('there is no series "pump"/"x"');
    await expect(read({ item_id: 'pump', from: '2026-04-01' })).rejects.toThrow(
      'from 2026-04-01 is after to 2026-03-31',
    );
    expect(() => scorecardQuery.parse({ item_id: 'pump', from: 'yesterday' })).toThrow(
      'write a day such as 2026-01-31',
    );
    expect(() => scorecardQuery.parse({ item_id: 'pump', from: '2026-02-31x' })).toThrow();
    expect(() => scorecardQuery.parse({ item_id: 'pump', lead: '1' })).toThrow('lead');
  });
});
