import { loadEnv } from '@app/config';
import { silentLogger } from '@app/observability';

import { useDatabase } from '../../../test/support/database.js';
import { PostgresLog, StoredOffsets } from './index.js';
import { trimLog } from './postgres-retention.js';

const database = useDatabase();
const HOURS = 72;
let log: PostgresLog;
let offsets: StoredOffsets;

beforeEach(async () => {
  await database().dataSource.query('TRUNCATE log_partitions, log_records, stream_offsets');
  log = new PostgresLog(loadEnv({ TOPIC_PARTITIONS: '1' }), database().dataSource, silentLogger());
  offsets = new StoredOffsets(database().dataSource);
});

afterEach(() => log.close());

/** Ten records, the first six older than the retention. */
async function fill(topic: string): Promise<void> {
  await log.append(
    topic,
    Array.from({ length: 10 }, (_, i) => ({ key: 'k', value: Buffer.from(String(i)) })),
  );
  await database().dataSource.query(
    `UPDATE log_records SET appended_at = now() - interval '73 hours' WHERE topic = $1 AND "offset" < 6`,
    [topic],
  );
}

async function left(topic: string): Promise<number[]> {
  const rows: { offset: string }[] = await database().dataSource.query(
    `SELECT "offset" FROM log_records WHERE topic = $1 ORDER BY 1`,
    [topic],
  );
  return rows.map(({ offset }) => Number(offset));
}

const trim = () => trimLog(database().dataSource, HOURS, ['dead-letter']);

describe('trimLog', () => {
  it('removes what is past its retention and read by every known group', async () => {
    await fill('t');
    await offsets.initialise({ group: 'a', topic: 't', partition: 0 }, 10);
    await offsets.initialise({ group: 'b', topic: 't', partition: 0 }, 4);
    expect(await trim()).toBe(4);
    expect(await left('t')).toEqual([4, 5, 6, 7, 8, 9]);
  });

  it('never removes what is younger, read or not', async () => {
    await fill('t');
    await offsets.initialise({ group: 'a', topic: 't', partition: 0 }, 10);
    expect(await trim()).toBe(6);
    expect(await left('t')).toEqual([6, 7, 8, 9]);
  });

  it('keeps everything of a topic whose reader has not started yet', async () => {
    await fill('t');
    expect(await trim()).toBe(0);
    expect(await left('t')).toHaveLength(10);
  });

  it('lets a topic for readers outside go by age', async () => {
    await fill('dead-letter');
    expect(await trim()).toBe(6);
  });

  it('keeps offsets counting, so that readers go on where they were', async () => {
    await fill('t');
    await offsets.initialise({ group: 'a', topic: 't', partition: 0 }, 10);
    await database().dataSource.query(`UPDATE log_records SET appended_at = now() - interval '1 year'`);
    await trim();
    expect(await left('t')).toEqual([]);
    await fill('t');
    expect(await left('t')).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });
});
