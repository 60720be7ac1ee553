import { useRestProcess, type Answer, type Json } from '../support/rest-process.js';
import { AWKWARD, HOUR, POINTS, seriesPath, START, storeSeries, storeUsualSeries } from '../support/rest-series.js';

const rest = useRestProcess(storeUsualSeries);

describe('GET /series', () => {
  it('lists series with what is known of them', async () => {
    const { status, body } = await rest().get<{ series: Json[] }>('/series?item_id=pump-7');

    expect(status).toBe(200);
    expect(body.series).toEqual(
      ['flow', 'temp'].map((channel) => ({
        item_id: 'pump-7',
        channel,
        freq: 'PT1H',
        freq_declared: false,
        season: 24,
        season_declared: false,
        time_zone: 'UTC',
        unit: null,
        labels: { site: 'north' },
        last_ts: new Date(START + (POINTS - 1) * HOUR).toISOString(),
        created_at: expect.stringMatching(/^\d{4}-/) as string,
      })),
    );
  });

  it('walks through all of them page by page, each once', async () => {
    const found: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = (await rest().get(`/series?limit=1${cursor && `&cursor=${cursor}`}`)) as Answer<{
        series: { item_id: string; channel: string }[];
        next_cursor: string | null;
      }>;
      found.push(...body.series.map(({ item_id, channel }) => `${item_id} ${channel}`));
      cursor = body.next_cursor;
    }

    expect(found.toSorted()).toEqual(['pump-7 flow', 'pump-7 temp', 'pump-8 flow', `${AWKWARD} ${AWKWARD}`].toSorted());
  });

  it('selects by labels, all of them', async () => {
    const items = async (query: string) =>
      (await rest().get<{ series: { item_id: string }[] }>(`/series?${query}`)).body.series.map(
        ({ item_id }) => item_id,
      );

    expect(await items('label.site=north')).toEqual(['pump-7', 'pump-7', 'pump-8']);
    expect(await items('label.site=north&label.none=x')).toEqual([]);
    expect(await items(`item_id=${encodeURIComponent(AWKWARD)}`)).toEqual([AWKWARD]);
    expect(await items('item_id=absent')).toEqual([]);
  });
});

describe('GET /series?search=', () => {
  const found = async (text: string) => {
    const { body } = await rest().get<{ series: { item_id: string; channel: string }[] }>(
      `/series?search=${encodeURIComponent(text)}`,
    );
    return body.series.map(({ item_id, channel }) => [item_id, channel]);
  };

  it('finds a text in items, channels and labels, in any case', async () => {
    expect(await found('UMP-7')).toEqual([
      ['pump-7', 'flow'],
      ['pump-7', 'temp'],
    ]);
    expect(await found('Flo')).toContainEqual(['pump-8', 'flow']);
    expect(await found('north')).toContainEqual(['pump-7', 'temp']);
    expect(await found('no such thing')).toEqual([]);
  });

  it('takes wildcards and quotes for what they are', async () => {
    expect(await found('p_mp')).toEqual([]);
    expect(await found('%2F')).toEqual([[AWKWARD, AWKWARD]]);
    expect(await found(`'g' "h" \\`)).toEqual([[AWKWARD, AWKWARD]]);
  });
});

describe('PATCH /series/{item_id}/{channel}', () => {
  it('declares, keeps what is left out, merges labels, and takes back with null', async () => {
    await storeSeries(rest(), 'declared', 'value', 1);
    const path = seriesPath('declared', 'value');

    const declared = await rest().call('PATCH', path, {
      freq: 'P7D',
      season: 52,
      time_zone: 'Europe/Berlin',
      unit: '€',
      labels: { shop: 'a' },
    });
    expect(declared).toMatchObject({
      status: 200,
      body: {
        freq: 'P1W',
        freq_declared: true,
        season: 52,
        season_declared: true,
        time_zone: 'Europe/Berlin',
        unit: '€',
        labels: { shop: 'a', site: 'south' },
      },
    });
    const partly = await rest().call('PATCH', path, { freq: null, labels: { site: null } });
    expect(partly.body).toMatchObject({ freq: null, freq_declared: false, season: 52, labels: { shop: 'a' } });
  });

  it('keeps what was inferred when nothing declared is taken back', async () => {
    await storeSeries(rest(), 'inferred', 'value', 1);
    const path = seriesPath('inferred', 'value');
    await rest().dataSource.query(`UPDATE series SET freq = 'PT1H', season = 24 WHERE item_id = 'inferred'`);

    const { body } = await rest().call('PATCH', path, { freq: null, season: null });
    expect(body).toMatchObject({ freq: 'PT1H', freq_declared: false, season: 24, season_declared: false });
  });

  it.each([
    [{ freq: 'hourly' }, 400, 'FREQ_INVALID'],
    [{ freq: 'P99999999Y' }, 400, 'FREQ_INVALID'],
    [{ time_zone: 'Mars/Olympus' }, 400, 'TIME_ZONE_INVALID'],
    [{ time_zone: '+03:00' }, 400, 'TIME_ZONE_INVALID'],
    [{ season: 0 }, 400, 'INVALID_REQUEST'],
    [{ labels: { a: { b: 1 } } }, 400, 'INVALID_REQUEST'],
    [{ unknown: 1 }, 400, 'INVALID_REQUEST'],
    [{}, 400, 'INVALID_REQUEST'],
  ])('refuses %j', async (patch, status, code) => {
    expect(await rest().call('PATCH', seriesPath('pump-7', 'flow'), patch)).toMatchObject({ status, body: { code } });
  });

  it('names a series that is not there', async () => {
    expect(await rest().call('PATCH', seriesPath('absent', 'x'), { unit: 'm' })).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', item_id: 'absent', channel: 'x' },
    });
  });
});

describe('GET /series/{item_id}/{channel}/observations', () => {
  interface Page {
    observations: { ts: string; value: number; known_at: string; flags?: string[] }[];
    next_cursor: string | null;
  }
  const path = `${seriesPath('pump-7', 'flow')}/observations`;

  it('gives the points in a range of time, the end excluded', async () => {
    const { status, body } = await rest().get<Page>(`${path}?from=2026-01-01T02:00:00Z&to=2026-01-01T05:00:00%2B01:00`);

    expect(status).toBe(200);
    expect(body).toEqual({
      item_id: 'pump-7',
      channel: 'flow',
      observations: [2, 3].map((hour) => ({
        ts: new Date(START + hour * HOUR).toISOString(),
        value: expect.closeTo(10 + Math.sin((hour * Math.PI) / 12), 12) as number,
        known_at: new Date(START + hour * HOUR).toISOString(),
        flags: [],
      })),
      next_cursor: null,
    });
  });

  it('pages', async () => {
    const first = await rest().get<Page>(`${path}?limit=100`);
    const second = await rest().get<Page>(`${path}?limit=200&cursor=${first.body.next_cursor}`);

    const all = [...first.body.observations, ...second.body.observations].map(({ ts }) => Date.parse(ts));
    expect(all).toEqual(Array.from({ length: POINTS }, (_, n) => START + n * HOUR));
    expect(second.body.next_cursor).toBeNull();
  });

  it('answers with what was known at a time', async () => {
    const seriesId = await storeSeries(rest(), 'revised', 'value', 0);
    const at = (minute: number) => new Date(START + minute * 60_000);
    await rest().dataSource.query(`INSERT INTO observations VALUES ($1, $2, 3, 4, $3), ($1, $4, 9, 2, $5)`, [
      seriesId,
      at(0),
      at(30),
      at(1),
      at(40),
    ]);
    await rest().dataSource.query(`INSERT INTO observation_revisions VALUES ($1, $2, 1, $3, $4), ($1, $2, 2, $4, $5)`, [
      seriesId,
      at(0),
      at(10),
      at(20),
      at(30),
    ]);
    const knownAt = async (minute?: number) => {
      const query = minute === undefined ? '' : `?as_of=${at(minute).toISOString()}`;
      const { body } = await rest().get<Page>(`${seriesPath('revised', 'value')}/observations${query}`);
      return body.observations.map(({ value, flags }) => [value, flags]);
    };

    expect(await knownAt()).toEqual([
      [3, ['revised']],
      [9, ['late']],
    ]);
    expect(await knownAt(9)).toEqual([]);
    expect(await knownAt(10)).toEqual([[1, undefined]]);
    expect(await knownAt(20)).toEqual([[2, undefined]]);
    expect(await knownAt(35)).toEqual([[3, undefined]]);
    expect(await knownAt(40)).toEqual([
      [3, undefined],
      [9, undefined],
    ]);
  });

  it('thins a long stretch out to its lowest and highest points', async () => {
    const seriesId = await storeSeries(rest(), 'long', 'value', 1_000);
    await rest().dataSource.query(`UPDATE observations SET value = 99 WHERE series_id = $1 AND ts = $2`, [
      seriesId,
      new Date(START + 777 * HOUR),
    ]);
    const long = `${seriesPath('long', 'value')}/observations`;
    const { body } = await rest().get<Page & { thinned: Json }>(`${long}?max_points=50`);
    const all = (await rest().get<Page>(`${long}?limit=1000`)).body.observations;

    expect(body.observations.length).toBeGreaterThan(40);
    expect(body.observations.length).toBeLessThanOrEqual(50);
    expect(body.thinned).toEqual({ method: 'min-max', points: 1_000, stretch_seconds: 143_856.001 });
    expect(body.next_cursor).toBeNull();
    const stretch = 143_856_001;
    for (let from = START; from < START + 999 * HOUR; from += stretch) {
      const inside = ({ ts }: { ts: string }) => Date.parse(ts) >= from && Date.parse(ts) < from + stretch;
      const values = all.filter(inside).map(({ value }) => value);
      const kept = body.observations.filter(inside).map(({ value }) => value);
      expect([Math.min(...kept), Math.max(...kept)]).toEqual([Math.min(...values), Math.max(...values)]);
    }
    for (const { ts, value } of body.observations) {
      expect(all.find((point) => point.ts === ts)?.value).toBe(value);
    }
  });

  it('leaves a stretch as it is that has no more points than asked for', async () => {
    const { body } = await rest().get<Page>(`${path}?max_points=3&to=2026-01-01T03:00:00Z`);

    expect(body.observations.map(({ ts }) => Date.parse(ts))).toEqual([0, 1, 2].map((hour) => START + hour * HOUR));
    expect(body).not.toHaveProperty('thinned');
    expect((await rest().get<Page>(`${path}?max_points=3&to=2020-01-01T00:00:00Z`)).body.observations).toEqual([]);
  });

  it('thins out what was known at a time', async () => {
    const asOf = new Date(START + 100 * HOUR).toISOString();
    const { body } = await rest().get<Page & { thinned: Json }>(`${path}?max_points=10&as_of=${asOf}`);

    expect(body.thinned).toMatchObject({ points: 101 });
    expect(body.observations.length).toBeLessThanOrEqual(10);
  });

  it('finds a series whose name needs every kind of encoding', async () => {
    const { status, body } = await rest().get<Page & Json>(`${seriesPath(AWKWARD, AWKWARD)}/observations?limit=1`);

    expect(status).toBe(200);
    expect(body).toMatchObject({ item_id: AWKWARD, channel: AWKWARD, observations: [{ value: 10 }] });
  });
});

describe('a wrong request', () => {
  it.each([
    ['/series?limit=0', 400, 'INVALID_REQUEST'],
    ['/series?limit=1e9', 400, 'INVALID_REQUEST'],
    ['/series?limit=1&limit=2', 400, 'INVALID_REQUEST'],
    ['/series?cursor=x', 400, 'INVALID_REQUEST'],
    ['/series?site=north', 400, 'INVALID_REQUEST'],
    ['/series?label.site=a&label.site=b', 400, 'INVALID_REQUEST'],
    ['/series?item_id=%00', 400, 'INVALID_REQUEST'],
    ['/series/pump-7/absent/observations', 404, 'NOT_FOUND'],
    ['/series/pump-7/flow/observations?from=yesterday', 400, 'INVALID_REQUEST'],
    ['/series/pump-7/flow/observations?max_points=1', 400, 'INVALID_REQUEST'],
    ['/series/pump-7/flow/observations?max_points=1e9', 400, 'INVALID_REQUEST'],
    [`/series?search=${'x'.repeat(257)}`, 400, 'INVALID_REQUEST'],
    [`/series/pump-7/flow/observations?cursor=${Buffer.from('["x"]').toString('base64url')}`, 400, 'INVALID_REQUEST'],
    ['/series/%E0%A4%A/flow/observations', 400, 'INVALID_REQUEST'],
  ])('answers %s with a problem', async (path, status, code) => {
    const answer = await rest().get(path);

    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.type).toMatch(/^application\/problem\+json/);
  });
});
