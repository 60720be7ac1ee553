// npm test [-- pattern and jest options]: a real PostgreSQL and a real Apache Kafka, then every spec, then the counts.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchJars, startBroker, whyNoBroker } from '../test/support/kafka/broker.mjs';
import { orExplain, prepare, PrepareError, ROOT } from './prepare.mjs';

const HARNESS = 'dist/apps/tidecast/src/postgres/embedded-postgres.js';
const PREFIX = 'tidecast-test-';
const KAFKA_CACHE = join(ROOT, 'node_modules', '.cache', 'kafka');
const say = (line) => process.stderr.write(`${line}\n`);

const args = process.argv.slice(2);
if (args.includes('--help')) {
  say(`npm test [-- pattern …] [jest options]

Starts PostgreSQL and Apache Kafka (Java 17 and Maven) for the tests and stops them afterwards.
  KAFKA_BROKERS       use this broker; without it and without Java the Kafka tests are skipped (with CI=true they fail)
  TEST_DATABASE_URL   use this PostgreSQL server; every spec file makes and drops a database of its own there`);
  process.exit(0);
}

const buildFailed = await prepareOrGoOn();
const identity = await import('../dist/apps/tidecast/src/process-identity.js');
await clearLeftovers();
const folder = mkdtempSync(join(tmpdir(), PREFIX));
// PostgreSQL may run as another user.
chmodSync(folder, 0o755);
const stops = [];
let jest;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => jest?.kill(signal));

let code = 1;
try {
  note({ owner: identity.ownIdentity() });
  const [database, kafka] = await Promise.all([startDatabase(), startKafka()]);
  code = await runJest({ TEST_DATABASE_URL: database, ...kafka });
} catch (error) {
  say(error.name === 'StartupError' ? error.message : (error.stack ?? String(error)));
} finally {
  await Promise.allSettled(stops.map((stop) => stop()));
  rmSync(folder, { recursive: true, force: true });
}
if (buildFailed) say('The build failed, see above: specs that start processes ran what was built before.');
process.exit(code || Number(buildFailed));

// A spec on its own is worth running while another corner does not compile; the run counts as failed all the same.
async function prepareOrGoOn() {
  try {
    await prepare();
    return false;
  } catch (error) {
    if (!(error instanceof PrepareError) || !existsSync(join(ROOT, HARNESS)))
      await orExplain(() => Promise.reject(error));
    say(`${error.message}\nrunning the specs all the same …`);
    return true;
  }
}

async function startDatabase() {
  if (process.env.TEST_DATABASE_URL) return process.env.TEST_DATABASE_URL;
  const { startEmbeddedPostgres } = await import('../dist/apps/tidecast/src/postgres/embedded-postgres.js');
  const server = await startEmbeddedPostgres({ dataDir: folder, durable: false });
  stops.push(() => server.stop());
  return server.url;
}

async function startKafka() {
  if (process.env.KAFKA_BROKERS) return {};
  const obstacle = await whyNoBroker(KAFKA_CACHE);
  if (obstacle) {
    say(`no Kafka: ${obstacle}, or set KAFKA_BROKERS to a broker of yours.`);
    return { KAFKA_MISSING: obstacle };
  }
  const jars = await fetchJars(KAFKA_CACHE);
  mkdirSync(join(folder, 'kafka'));
  const broker = await startBroker({ jars, folder: join(folder, 'kafka') });
  note({
    owner: identity.ownIdentity(),
    broker: { pid: broker.pid, startedAt: identity.processStartTime(broker.pid) },
  });
  stops.push(() => broker.stop());
  return { KAFKA_BROKERS: broker.brokers };
}

async function runJest(env) {
  const report = join(folder, 'report.json');
  const options = ['--maxWorkers=2', '--testTimeout=30000', '--json', `--outputFile=${report}`];
  jest = spawn(process.execPath, [join(ROOT, 'node_modules/jest/bin/jest.js'), ...options, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ...env,
      NODE_OPTIONS:
        `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`.trim(),
    },
  });
  const status = await new Promise((resolve) =>
    jest.once('exit', (exit, signal) => resolve(exit ?? (signal ? 130 : 1))),
  );
  const counts = existsSync(report) ? count(JSON.parse(readFileSync(report, 'utf8'))) : undefined;
  if (!counts) return status || 1;
  // For a CI that adds the counts of several tools.
  if (process.env.TEST_COUNTS_FILE) writeFileSync(process.env.TEST_COUNTS_FILE, JSON.stringify(counts));
  say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  if (counts.kafkaSkipped > 0) say(`!!! ${counts.kafkaSkipped} Kafka tests were SKIPPED: ${env.KAFKA_MISSING}`);
  return status;
}

// A spec file that does not even load has no tests to count: it counts as one that failed.
function count(report) {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const skipped = tests.filter(({ status }) => status === 'pending');
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: skipped.length,
    kafkaSkipped: skipped.filter(({ ancestorTitles }) => ancestorTitles[0]?.endsWith('(Kafka)')).length,
  };
}

function note(content) {
  writeFileSync(join(folder, 'run.json'), JSON.stringify(content));
}

// A run that was killed leaves its servers behind: nobody else would ever stop them.
async function clearLeftovers() {
  const { endOrphan } = await import('../dist/apps/tidecast/src/postgres/postmaster.js');
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const left = join(tmpdir(), name);
    try {
      const { owner, broker } = JSON.parse(readFileSync(join(left, 'run.json'), 'utf8'));
      if (identity.isRunning(owner)) continue;
      if (broker && identity.isRunning(broker)) process.kill(broker.pid, 'SIGKILL');
      await endOrphan(join(left, 'postgres', 'data'));
      rmSync(left, { recursive: true, force: true });
    } catch {
      // Another user's run, or one that is just being made: not ours to clear.
    }
  }
}
