import { loadEnv } from '@app/config';
import { silentLogger } from '@app/observability';
import { createObservationLog, type ObservationLog } from '@app/streaming';

import { IngestService } from '../../apps/ingest/src/ingest.service.js';
import { DEMO_SETS, readDemoSet } from '../../apps/tidecast/src/demo/demo-set.js';
import { runDemo } from '../../apps/tidecast/src/demo/demo.js';
import { useDatabase } from '../support/database.js';
import { eventually } from '../support/processes.js';

const database = useDatabase();
const POINTS = DEMO_SETS.flatMap(readDemoSet).reduce((sum, { values }) => sum + Object.keys(values).length, 0);

describe('the demo on a real log and database', () => {
  const env = loadEnv({});
  let log: ObservationLog;
  let ingest: IngestService;

  beforeAll(async () => {
    log = createObservationLog(env, database().dataSource, silentLogger());
    ingest = new IngestService(env, log, silentLogger(), database().dataSource);
    await log.ensureTopics([env.OBSERVATIONS_TOPIC]);
    ingest.onApplicationBootstrap();
  });

  afterAll(async () => {
    await ingest.onModuleDestroy();
    await log.close();
  });

  /** Runs the demo until as many lines that match have been said. */
  async function replayUntil(pattern: RegExp, lines: number): Promise<void> {
    const stop = new AbortController();
    let seen = 0;
    const say = (line: string) => {
      if (pattern.test(line) && ++seen === lines) stop.abort();
    };
    const jobs = { resume: () => Promise.resolve(), pause: () => Promise.resolve() };
    const { dataSource } = database();
    await runDemo({ log, topic: env.OBSERVATIONS_TOPIC, dataSource, jobs, say, speed: 1_000_000 }, stop.signal);
  }

  async function stored(): Promise<{ points: number; revisions: number; log: number }> {
    const [counts] = await database().dataSource.query<{ points: number; revisions: number; log: number }[]>(
      `SELECT (SELECT count(*) FROM observations)::int AS points,
              (SELECT count(*) FROM observation_revisions)::int AS revisions,
              (SELECT count(*) FROM log_records)::int AS log`,
    );
    return counts!;
  }

  it('stores every point once when it is cut off, started again, and started once more', async () => {
    await replayUntil(/follow live/, 1);
    await eventually(async () => (await stored()).points > 0);

    await replayUntil(/done\.$/, DEMO_SETS.length);
    await eventually(async () => (await stored()).points === POINTS);
    expect((await stored()).revisions).toBe(0);

    const before = await stored();
    await replayUntil(/has been replayed before/, DEMO_SETS.length);
    expect(await stored()).toEqual(before);
  }, 60_000);
});
