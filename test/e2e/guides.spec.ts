import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { useDatabase, type TestDatabase } from '../support/database.js';
import { TidecastProcess, eventually } from '../support/processes.js';

/** Guides whose commands work as they stand, in order, on a server with nothing in it. */
const GUIDES = ['docs/rest.md', 'docs/getting-started.md'];
const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** The commands of a guide, but for those that start a server: one runs already. */
function examplesOf(guide: string): string[] {
  return [...readFileSync(guide, 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)]
    .map(([, example]) => example!)
    .filter((example) => !/^(npm start|docker compose up)/.test(example));
}

/**
 * Runs all examples in one shell, as a reader would, waiting after each until what it sent has been read; curl fails
 * the shell where the API answers with an error.
 */
async function follow(examples: readonly string[], api: string, settle: () => Promise<void>): Promise<string> {
  const shell = spawn('bash', ['-euo', 'pipefail'], { env: { ...process.env, API: api } });
  const errors = text(shell.stderr);
  let output = '';
  shell.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(shell, 'exit');
  shell.stdin.write('curl() { command curl --fail-with-body "$@"; }\n');
  for (const [i, example] of examples.entries()) {
    const mark = `--- done with ${i} ---`;
    shell.stdin.write(`${example}\necho '${mark}'\n`);
    await Promise.race([eventually(() => Promise.resolve(output.includes(mark))), exited]);
    if (!output.includes(mark)) throw new Error(`${example}\n${output}\n${await errors}`);
    await settle();
  }
  shell.stdin.end();
  await exited;
  return output;
}

/** Until ingest, detectors and scorers have done all that there is to do. */
async function settled({ dataSource }: TestDatabase): Promise<void> {
  await eventually(async () => {
    const [row] = await dataSource.query<{ left: number }[]>(
      `SELECT (SELECT count(*) FROM log_partitions p
                 LEFT JOIN stream_offsets o ON o.topic = p.topic AND o.partition = p.partition
                                           AND o.consumer_group IN ('tidecast-ingest', 'tidecast-detector')
                WHERE p.topic = 'tidecast.observations' AND p.next_offset > 0
                  AND coalesce(o.next_offset, 0) < p.next_offset)::int
            + (SELECT count(*) FROM score_tasks)::int
            + (SELECT count(*) FROM job_runs WHERE status = 'running')::int AS left`,
    );
    return row!.left === 0;
  }, 60_000);
}

// A machine without curl can't follow a guide either.
(hasCurl ? describe : describe.skip).each(GUIDES)('%s', (guide) => {
  const database = useDatabase();
  let server: TidecastProcess;
  let said: string;

  beforeAll(async () => {
    server = await TidecastProcess.start({
      env: { DATABASE_URL: database().url, PROVIDER: 'cpu', LOG_LEVEL: 'error' },
    });
  }, 120_000);
  afterAll(() => server?.stop());

  it('works as it stands, one command after the other', async () => {
    said = await follow(examplesOf(guide), `${server.url}/api/v1`, () => settled(database()));
  }, 120_000);

  if (guide === 'docs/rest.md') {
    it('leaves behind what it says', async () => {
      const get = async (path: string) => (await fetch(`${server.url}/api/v1${path}`)).json();

      expect(await get('/series?item_id=pump-7')).toMatchObject({
        series: [
          { channel: 'flow', freq: 'PT1H', freq_declared: true, time_zone: 'Europe/Berlin', labels: { site: 'north' } },
          { channel: 'temp', freq_declared: false },
        ],
      });
      expect(await get('/jobs')).toEqual({ jobs: [] });
    });
  } else {
    it('shows what it says: an aggregate, a run that succeeded, scores, and the point that was not expected', () => {
      expect(said).toContain('"model":"aggregate"');
      expect(said).toContain('"freq":"PT1H"');
      expect(said).toMatch(/"coverage_80":/);
      expect(said).toMatch(/"value":31\b/);
    });
  }
});

describe('the documents', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'models/README.md', 'models/forge/README.md', 'benchmarks/results.md']
    .concat(readdirSync('docs').map((name) => join('docs', name)))
    .concat(readdirSync('docs/adr').map((name) => join('docs/adr', name)))
    .concat(readdirSync('experiments').map((name) => join('experiments', name, 'README.md')))
    .filter((page) => page.endsWith('.md'));

  /** As GitHub makes them of headings. */
  const anchorsOf = (page: string) =>
    [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s-]/gu, '')
        .replaceAll(' ', '-'),
    );

  it.each(pages)('%s links to what there is', (page) => {
    const dead = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)]
      .map(([, link]) => link!)
      .filter((link) => {
        const [path, anchor] = link.split('#');
        const target = path ? join(dirname(page), path) : page;
        return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
      });
    expect(dead).toEqual([]);
  });
});
