import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import { useDatabase } from '../support/database.js';

const guide = readFileSync('docs/sql.md', 'utf8');
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`\\n\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text]) => text!);
const role = `reader_${randomBytes(4).toString('hex')}`;

function hasPsql(): boolean {
  try {
    execFileSync('psql', ['--version']);
    return true;
  } catch {
    if (process.env.CI === 'true') throw new Error('psql is missing: .ci/run installs postgresql-client');
    process.stderr.write('skipped: the psql of docs/sql.md (there is none here: install postgresql-client)\n');
    return false;
  }
}

describe('a reader by the recipe of docs/sql.md', () => {
  let url: string;
  let reader: Client | undefined;
  // Before the database goes.
  afterAll(async () => {
    await reader?.end();
    await database().dataSource.query(`DROP ROLE ${role}`);
  });

  const database = useDatabase();

  beforeAll(async () => {
    const recipe = blocks('sql').find((text) => text.includes('CREATE ROLE'))!;
    const password = randomBytes(12).toString('hex');
    await database().dataSource.query(
      `${recipe.replaceAll('grafana_reader', role)}; ALTER ROLE ${role} PASSWORD '${password}'`,
    );
    url = Object.assign(new URL(database().url), { username: role, password }).href;
    reader = new Client({ connectionString: url });
    await reader.connect();
  });
  it.each([
    'observation_points',
    'forecast_points',
    'forecast_latest',
    'forecast_scorecard',
    'anomaly_events',
    'series',
    'jobs',
  ])('may read %s', async (relation) => {
    await expect(reader!.query(`SELECT * FROM ${relation} LIMIT 1`)).resolves.toBeDefined();
  });

  it.each([
    'SELECT 1 FROM api_keys',
    'SELECT 1 FROM audit_events',
    'SELECT secret FROM webhooks',
    'SELECT body FROM webhook_deliveries',
    'SELECT value FROM outbox',
    'SELECT 1 FROM detector_states',
  ])('may not %s', async (statement) => {
    await expect(reader!.query(statement)).rejects.toThrow(/permission denied/);
  });

  it('writes nothing, whatever it tries', async () => {
    await reader!.query('SET default_transaction_read_only = off');
    await expect(reader!.query(`DELETE FROM series`)).rejects.toThrow(/permission denied/);
    await expect(reader!.query(`CREATE TABLE mine (a int)`)).rejects.toThrow(/permission denied/);
    const { rows } = await reader!.query<{ statement_timeout: string }>('SHOW statement_timeout');
    expect(rows).toEqual([{ statement_timeout: '30s' }]);
  });

  it('runs the queries of dbt and pandas', async () => {
    const [model] = blocks('jinja');
    await reader!.query(model!.replaceAll(/\{\{ source\('tidecast', '(\w+)'\) \}\}/g, '$1'));
    const [, query] = /"""([\s\S]*?)"""/.exec(blocks('python')[0]!)!;
    await reader!.query(query!.replaceAll('%(item)s', '$1'), ['pump-7']);
  });

  (hasPsql() ? it : it.skip)('runs the command of psql', () => {
    const [command] = blocks('sh').filter((text) => text.includes('psql'));
    const csv = execFileSync('bash', ['-ec', command!.replace('> pump-7.csv', '')], {
      env: { ...process.env, TIDECAST_SQL: url },
    });

    expect(csv.toString()).toBe('ts,yhat,yhat_lower_80,yhat_upper_80\n');
  });
});
