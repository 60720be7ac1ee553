// A real Apache Kafka broker (KRaft, broker and controller in one JVM) without Docker: jars from Maven, Java 17.
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HERE = dirname(fileURLToPath(import.meta.url));
const POM = join(HERE, 'pom.xml');
const JAVA_AT_LEAST = 17;
const READY_WITHIN_MS = 90_000;
const STOP_WITHIN_MS = 10_000;
const exec = promisify(execFile);

/** Why no broker can run on this machine, as one line, or undefined. */
export async function whyNoBroker(cache) {
  const java = await javaVersion();
  if (java === undefined) return `java is not on the PATH: install Java ${JAVA_AT_LEAST} or newer`;
  if (java < JAVA_AT_LEAST) return `java is version ${java}: install Java ${JAVA_AT_LEAST} or newer`;
  if (existsSync(jarFolder(cache))) return undefined;
  const maven = await exec('mvn', ['-v']).catch(() => undefined);
  return maven ? undefined : 'mvn is not on the PATH: install Maven (it fetches the Kafka jars once)';
}

/** Fetches the jars on first use and returns their folder. */
export async function fetchJars(cache) {
  const folder = jarFolder(cache);
  if (existsSync(folder)) return folder;
  process.stderr.write('fetching Apache Kafka (mvn) …\n');
  const draft = `${folder}.${process.pid}`;
  mkdirSync(cache, { recursive: true });
  try {
    await exec('mvn', ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${draft}`]);
    if (!existsSync(folder)) renameSync(draft, folder);
  } catch (error) {
    throw new Error(`mvn could not fetch the Kafka jars: ${lastLine(error.stdout || error.stderr || error.message)}`, {
      cause: error,
    });
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}

/** Starts a broker on free loopback ports with its data in `folder`; resolves when it answers. */
export async function startBroker({ jars, folder }) {
  const [port, controllerPort] = await freePorts(2);
  const logs = join(folder, 'logs');
  mkdirSync(logs, { recursive: true });
  format(logs);
  const config = join(folder, 'server.properties');
  const lines = Object.entries(properties(port, controllerPort, logs)).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(config, lines.join(''));

  const log = openSync(join(folder, 'broker.log'), 'a');
  const child = spawn('java', [...JVM, '-cp', join(jars, '*'), 'kafka.Kafka', config], {
    stdio: ['ignore', log, log],
    // Its own group: a Ctrl-C reaches the tests first, who still talk to the broker.
    detached: true,
  });
  closeSync(log);
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  await untilItAnswers(child, port, folder);
  return { brokers: `127.0.0.1:${port}`, pid: child.pid, stop: () => stop(child, ended) };
}

const JVM = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Xmx256m',
  '-Xms64m',
  // One short-lived process on few cores: the costly compiler and collector never pay.
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
];

function properties(port, controllerPort, logs) {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': logs,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': false,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'num.recovery.threads.per.data.dir': 1,
    'background.threads': 2,
    'log.cleaner.dedupe.buffer.size': 4_194_304,
    'log.segment.bytes': 67_108_864,
  };
}

// What `StorageTool format` would do, without the start of a JVM. The checkpoint holds the feature levels of Kafka
// 4.1: without it groups and transactions stay at their oldest version.
function format(logs) {
  const directory = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  copyFileSync(join(HERE, 'bootstrap.checkpoint'), join(logs, 'bootstrap.checkpoint'));
  writeFileSync(
    join(logs, 'meta.properties'),
    `version=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAQ\nnode.id=1\ndirectory.id=${directory}\n`,
  );
}

async function untilItAnswers(child, port, folder) {
  for (const end = Date.now() + READY_WITHIN_MS; !(await answers(port)); await sleep(50)) {
    const gone = child.exitCode !== null || child.signalCode !== null;
    if (!gone && Date.now() < end) continue;
    child.kill('SIGKILL');
    const why = lastLine(readFileSync(join(folder, 'broker.log'), 'utf8'));
    throw new Error(
      gone ? `the Kafka broker ended: ${why}` : `the Kafka broker is not ready after ${READY_WITHIN_MS} ms`,
    );
  }
}

// One ApiVersions request (key 18, version 0): answered only once the broker processes requests.
function answers(port) {
  const request = Buffer.alloc(14);
  request.writeInt32BE(10, 0);
  request.writeInt16BE(18, 4);
  request.writeInt32BE(1, 8);
  request.writeInt16BE(-1, 12);
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (answered) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(1000, () => done(false));
    socket
      .once('error', () => done(false))
      .once('close', () => done(false))
      .once('data', () => done(true));
    socket.once('connect', () => socket.write(request));
  });
}

async function stop(child, ended) {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await ended;
  clearTimeout(timer);
}

async function javaVersion() {
  const { stderr } = await exec('java', ['-version']).catch(() => ({ stderr: '' }));
  const version = /version "(?:1\.)?(\d+)/.exec(stderr)?.[1];
  return version === undefined ? undefined : Number(version);
}

function jarFolder(cache) {
  return join(cache, `jars-${createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12)}`);
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function lastLine(text) {
  return text.trim().split('\n').at(-1) ?? '';
}
