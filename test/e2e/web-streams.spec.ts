import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/processes.js';
import { RestProcess, useRestProcess, type Json } from '../support/rest-process.js';
import { HOUR, START, storeSeries } from '../support/rest-series.js';

interface Letters {
  readonly dead_letters: Json[];
  readonly next_cursor: string | null;
}

const TOPIC = 'tidecast.observations';
const rest = useRestProcess(undefined, { ingest: true, env: { TOPIC_PARTITIONS: '2' } });
const letters = async (query = '') => (await rest().get<Letters>(`/dead-letters${query}`)).body;

/** Puts a record into the log as a producer would, past the checks of the HTTP door. */
async function append(value: Buffer | null, partition = 0): Promise<void> {
  await rest().dataSource.query(
    `WITH moved AS (
       UPDATE log_partitions SET next_offset = next_offset + 1 WHERE topic = $1 AND partition = $2
       RETURNING next_offset - 1 AS place
     )
     INSERT INTO log_records (topic, partition, "offset", key, value) SELECT $1, $2, place, 'pump-1', $3 FROM moved`,
    [TOPIC, partition, value],
  );
  await rest().dataSource.query(`SELECT pg_notify('tidecast_log', $1)`, [TOPIC]);
}

describe('/streams', () => {
  it('says how far each group is', async () => {
    await eventually(async () => (await rest().get<{ streams: unknown[] }>('/streams')).body.streams.length > 0);
    await rest().post('/observations', { item_id: 'pump-1', ts: '2026-01-01T00:00:00Z', values: { flow: 1 } });
    const { body } = await eventually(async () => {
      const answer = await rest().get<{ streams: { partitions: Json[]; lag: number }[] }>('/streams');
      const ends = answer.body.streams[0]?.partitions.map(({ end_offset }) => Number(end_offset)) ?? [];
      return ends.some((end) => end > 0) && answer.body.streams[0]?.lag === 0 ? answer : undefined;
    });

    expect(body).toMatchObject({
      log: 'postgres',
      streams: [{ group: 'tidecast-ingest', topic: TOPIC, lag: 0, partitions: [{ partition: 0 }, { partition: 1 }] }],
      dead_letters: { count: 0, newest_at: null },
      outbox: { waiting: expect.any(Number) },
    });
  });
});

describe('/dead-letters', () => {
  it('lists what could not be used, newest first, page by page', async () => {
    for (const value of ['{"item_id":"pump-1","ts":"yesterday","values":{"flow":1}}', 'no JSON', '{"a":1}']) {
      await append(Buffer.from(value));
    }
    await append(Buffer.from([0x7b, 0xff]));
    const all = await eventually(async () => {
      const { dead_letters } = await letters();
      return dead_letters.length === 4 ? dead_letters : undefined;
    });
    expect(all.map(({ code }) => String(code)).toSorted()).toEqual([
      'MALFORMED_JSON',
      'MALFORMED_JSON',
      'TS_INVALID',
      'UNKNOWN_FORMAT',
    ]);
    expect(all.find(({ code }) => code === 'TS_INVALID')).toMatchObject({
      topic: TOPIC,
      key: 'pump-1',
      value: '{"item_id":"pump-1","ts":"yesterday","values":{"flow":1}}',
      encoding: 'utf8',
      value_bytes: 57,
      message: expect.stringContaining('"yesterday" is no time'),
    });
    expect(all.find(({ encoding }) => encoding === 'base64')).toMatchObject({ value: 'e/8=', value_bytes: 2 });

    const paged: Json[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Letters = await letters(`?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
      paged.push(...page.dead_letters);
      cursor = page.next_cursor;
    }
    expect(paged).toEqual(all);
    expect((await letters('?code=TS_INVALID')).dead_letters).toHaveLength(1);
    expect((await letters('?topic=another')).dead_letters).toEqual([]);
  });

  it('sends a record again, which comes back where it still can not be used', async () => {
    const [{ partition, offset }] = (await letters('?code=UNKNOWN_FORMAT')).dead_letters as [Json];
    const path = `/dead-letters/${TOPIC}/${String(partition)}/${String(offset)}/replay`;

    expect(await rest().post(path, undefined)).toMatchObject({ status: 202, body: { status: 'queued', offset } });
    expect(await rest().post(path, undefined)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    const again = await eventually(async () => {
      const [letter] = (await letters('?code=UNKNOWN_FORMAT')).dead_letters;
      return letter;
    });
    expect(again).toMatchObject({
      key: 'pump-1',
      value: '{"a":1}',
      headers: { 'replay-of': `${TOPIC}/${String(partition)}/${String(offset)}` },
    });
    expect([again['partition'], again['offset']]).not.toEqual([partition, offset]);
  });

  it('sends a record again whose cause is mended: its points arrive', async () => {
    await rest().dataSource.query(
      `INSERT INTO dead_letters (topic, partition, "offset", code, message, key, value) VALUES ($1, 0, 777777, 'INTERNAL', 'x', 'late', $2)`,
      [TOPIC, Buffer.from('{"item_id":"late","ts":"2026-01-01T00:00:00Z","values":{"flow":7}}')],
    );
    expect(await rest().post(`/dead-letters/${TOPIC}/0/777777/replay`, undefined)).toMatchObject({ status: 202 });
    const found = await eventually(async () => {
      const { body } = await rest().get<{ series?: Json[] }>('/series?item_id=late');
      // The series is known a moment before its first point.
      return body.series?.find(({ last_ts }) => last_ts !== null);
    });
    expect(found).toMatchObject({ channel: 'flow', last_ts: '2026-01-01T00:00:00.000Z' });
  });

  it('refuses what can not be sent again, and keeps it', async () => {
    await rest().dataSource.query(
      `INSERT INTO dead_letters (topic, partition, "offset", code, message, value) VALUES
         ($1, 0, 800001, 'OFFSET_LOST', 'gone', NULL), ($1, 0, 800002, 'RECORD_TOO_LARGE', 'large', $2)`,
      [TOPIC, Buffer.alloc(900_001)],
    );
    for (const [offset, reason] of [
      [800_001, /the log had lost it/],
      [800_002, /900001 bytes.*split it/],
    ] as const) {
      const answer = await rest().post(`/dead-letters/${TOPIC}/0/${offset}/replay`, undefined);
      expect(answer).toMatchObject({
        status: 422,
        body: { code: 'REPLAY_UNAVAILABLE', detail: expect.stringMatching(reason) },
      });
    }
    expect((await letters('?code=OFFSET_LOST')).dead_letters).toHaveLength(1);
    expect((await letters('?code=RECORD_TOO_LARGE')).dead_letters[0]).toMatchObject({ value_bytes: 900_001 });
  });

  it.each([
    ['GET', '/dead-letters?limit=0'],
    ['GET', '/dead-letters?cursor=AAAA'],
    ['GET', '/dead-letters?from=yesterday'],
    ['GET', '/dead-letters?code=a&code=b'],
    ['POST', `/dead-letters/${TOPIC}/x/1/replay`],
    ['POST', `/dead-letters/${TOPIC}/0/-1/replay`],
    ['POST', `/dead-letters/${TOPIC}/0/1e99/replay`],
  ])('refuses %s %s', async (method, path) => {
    expect(await rest().call(method, path)).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
  });
});

describe('GET /events', () => {
  /** Reads events until it has so many. */
  async function read(
    process: RestProcess,
    query: string,
    count: number,
    act: () => Promise<unknown>,
  ): Promise<string[]> {
    const leaving = new AbortController();
    const response = await fetch(`${process.url}/api/v1/events${query}`, { signal: leaving.signal });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    // The first look is what later ones are compared with.
    await sleep(1_500);
    await act();
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.split('event: ').length > count) break;
    }
    leaving.abort();
    return text.split('\n\n').filter((event) => event.startsWith('event: '));
  }

  it('tells what changed of the items that are followed, and nothing of others', async () => {
    const name = 'pump\n\nevent: jobs\ndata: {}';
    const own = await storeSeries(rest(), name, 'flow', 2);
    const other = await storeSeries(rest(), 'other', 'flow', 2);
    const events = await read(rest(), `?item_id=${encodeURIComponent(name)}&item_id=x`, 1, () =>
      rest().dataSource.query(`INSERT INTO observations SELECT s, $2, 1, 0, now() FROM unnest($1::int[]) s`, [
        [own, other],
        new Date(START + 5 * HOUR),
      ]),
    );
    expect(events).toEqual([
      `event: series\ndata: ${JSON.stringify({ item_id: name, channel: 'flow', last_ts: '2026-01-01T05:00:00.000Z', forecast_id: null })}`,
    ]);
  });

  it('tells of jobs to everybody', async () => {
    const events = await read(rest(), '', 1, () =>
      rest().post('/jobs', { name: 'told', cron: '0 3 * * *', horizon: 3 }),
    );
    expect(events).toEqual(['event: jobs\ndata: {}']);
  });

  it('does not keep the process from stopping', async () => {
    const own = await RestProcess.start({ forecasterUrl: 'http://127.0.0.1:9' });
    const response = await fetch(`${own.url}/api/v1/events`);
    const read = response.text();
    await own.stop();
    expect(await read).toContain(': hello');
  }, 60_000);

  it.each([`?item_id=`, `?${'item_id=x&'.repeat(201)}`, '?item=x', `?item_id=${'x'.repeat(257)}`])(
    'refuses %s',
    async (query) => {
      expect(await rest().get(`/events${query}`)).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
    },
  );
});
