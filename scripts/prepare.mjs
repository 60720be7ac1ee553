// Makes a bare clone ready to run: dependencies as in the lock file, dist as in the sources. Costs next to nothing when
// nothing changed. Only Node's own modules here: it runs before anything is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nameHolders, withLock } from './prepare-lock.mjs';

/** The repository. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const NODE_AT_LEAST = [20, 20];
const SOURCE_FOLDERS = ['apps', 'libs', 'migrations', 'grafana'];
const BUILD_FILES = ['package-lock.json', 'nest-cli.json', 'tsconfig.json', 'apps/tidecast/tsconfig.app.json'];
const BUILD_INFO = 'dist/tidecast.tsbuildinfo';
const PAGE = 'apps/web';
const PAGE_SOURCE = /\.(tsx?|css|html|svg|json)$/;
const LOCK = 'dist/.prepare.lock';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** What a person can put right: printed without a stack. */
export class PrepareError extends Error {}

const at = (path) => join(ROOT, path);
const say = (line) => process.stderr.write(`${line}\n`);

/**
 * Installs and builds where needed, one line each. Starts that run at once wait for each other.
 * @throws PrepareError when the machine or the sources don't allow it.
 */
export async function prepare() {
  checkNode();
  if (isInstalled() && isBuilt()) return;
  mkdirSync(at('dist'), { recursive: true });
  await withLock(at(LOCK), async () => {
    if (!isInstalled()) await install();
    if (!isBuilt()) await build();
  });
}

/** Runs `task`; what a person can put right ends the process with one line and exit code 1. */
export async function orExplain(task) {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    say(error.message);
    process.exit(1);
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [needMajor, needMinor] = NODE_AT_LEAST;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
  throw new PrepareError(`Tidecast needs Node ${NODE_AT_LEAST.join('.')} or newer; this is ${process.versions.node}.`);
}

// npm writes what it installed beside it, as the last thing it does; what only other platforms need may be absent.
function isInstalled() {
  const installed = readLock('node_modules/.package-lock.json');
  if (!installed) return false;
  return Object.entries(readLock('package-lock.json') ?? {}).every(([path, wanted]) => {
    if (path === '' || wanted.link) return true;
    const found = installed[path];
    return found ? found.version === wanted.version : Boolean(wanted.optional || wanted.devOptional || wanted.peer);
  });
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(at(path), 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function install() {
  say('installing dependencies (npm ci) …');
  const code = await run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
    shell: process.platform === 'win32',
    // ONNX Runtime's CPU library is in its package; its install script would fetch hundreds of megabytes for CUDA.
    env: { ONNXRUNTIME_NODE_INSTALL: 'skip', ...process.env },
  });
  if (code !== 0) throw new PrepareError(`npm ci failed (exit code ${code}): see the lines above.`);
}

// What is built apart: a change of the one leaves the other as it is. A stamp says what it was built from.
const BUILDS = [
  { title: 'nest build', stamp: 'dist/.stamp', inputs: () => [...BUILD_FILES, ...sources()], make: buildProgram },
  {
    title: 'vite build',
    stamp: 'dist/.stamp-web',
    inputs: () => ['package-lock.json', ...pageSources()],
    make: buildPage,
  },
];

function isBuilt() {
  return BUILDS.every(isCurrent);
}

function isCurrent({ stamp, inputs }) {
  return existsSync(at(stamp)) && readFileSync(at(stamp), 'utf8') === fingerprint(inputs());
}

async function build() {
  for (const part of BUILDS) {
    if (isCurrent(part)) continue;
    say(`building (${part.title}) …`);
    const print = fingerprint(part.inputs());
    rmSync(at(part.stamp), { force: true });
    await part.make();
    writeFileSync(at(part.stamp), print);
  }
}

async function buildProgram() {
  removeOrphans();
  await compile();
  // The compiler skips what its notes say was written; outputs that someone removed since need it to forget.
  if (sources().some((path) => !existsSync(at(output(path))))) {
    rmSync(at(BUILD_INFO), { force: true });
    await compile();
  }
}

async function compile() {
  const nest = at('node_modules/@nestjs/cli/bin/nest.js');
  const code = await run(process.execPath, [nest, 'build', 'tidecast']);
  if (code !== 0) throw new PrepareError(`The build failed (exit code ${code}): see the lines above.`);
}

async function buildPage() {
  const vite = at('node_modules/vite/bin/vite.js');
  const code = await run(process.execPath, [vite, 'build', PAGE, '--logLevel', 'warn']);
  if (code !== 0) throw new PrepareError(`The build of the web page failed (exit code ${code}): see the lines above.`);
}

// A program's own output goes to stderr: stdout belongs to the command that comes after.
function run(program, args, options = {}) {
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 2, 2], ...options });
  // Whoever ends us ends it, too: two builds at once would write the same files. The lock names both, for kill -9.
  const end = (signal) => {
    child.kill(signal);
    process.exit(1);
  };
  for (const signal of SIGNALS) process.once(signal, end);
  nameHolders(at(LOCK), child.pid);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new PrepareError(`${program} can't be run: ${error.message}.`)));
    child.once('exit', (code, signal) => resolve(code ?? signal));
  }).finally(() => {
    for (const signal of SIGNALS) process.off(signal, end);
  });
}

function fingerprint(inputs) {
  const hash = createHash('sha256').update(process.version);
  for (const path of inputs) {
    const { mtimeMs, size } = statSync(at(path));
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

function sources() {
  return SOURCE_FOLDERS.flatMap((folder) =>
    files(folder, (name) => name.endsWith('.ts') && !/\.(spec|d)\.ts$/.test(name)),
  ).filter((path) => !path.startsWith(`${PAGE}/`));
}

function pageSources() {
  return files(PAGE, (name) => PAGE_SOURCE.test(name) && !name.endsWith('.spec.ts'));
}

const output = (source) => `dist/${source.replace(/\.ts$/, '.js')}`;

// A deleted source must not live on as a migration or a module that is still loaded.
function removeOrphans() {
  const wanted = new Set(sources().map(output));
  for (const folder of SOURCE_FOLDERS) {
    for (const path of files(`dist/${folder}`, (name) => /\.js(\.map)?$/.test(name))) {
      if (path.startsWith(`dist/${PAGE}/`)) continue;
      if (!wanted.has(path.replace(/\.map$/, ''))) unlinkSync(at(path));
    }
  }
}

function files(folder, wanted) {
  if (!existsSync(at(folder))) return [];
  return readdirSync(at(folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : files(path, wanted);
    return wanted(entry.name) ? [path] : [];
  });
}
