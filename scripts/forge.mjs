// npm run forge -- train|import|export|verify|list: runs the Python package models/forge in its own virtual environment,
// which the first use makes and a changed requirements.txt brings up to date. Serving never needs Python.
// npm run test:forge: ruff and pytest in the same environment.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MINIMUM_PYTHON = [3, 10];
const models = fileURLToPath(new URL('../models/', import.meta.url));
const forge = join(models, 'forge');
const environment = join(forge, '.venv');
const stamp = join(environment, 'requirements.sha256');
const requirements = join(forge, 'requirements.txt');
const binaries = join(environment, process.platform === 'win32' ? 'Scripts' : 'bin');
const python = join(binaries, process.platform === 'win32' ? 'python.exe' : 'python');

const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
if (!isUpToDate()) makeEnvironment();

const [command, ...rest] = process.argv.slice(2);
if (command === '--test') {
  const checks = [
    ['ruff', 'check', '.'],
    ['ruff', 'format', '--check', '.'],
    ['pytest', '-q', ...rest],
  ];
  process.exit(Math.max(...checks.map((options) => runPython(options, forge))));
}
process.exit(runPython(['forge', ...process.argv.slice(2)], process.env.INIT_CWD ?? process.cwd()));

/** Runs a Python module in the environment; gives its exit code. */
function runPython(options, cwd) {
  const path = [models, process.env.PYTHONPATH].filter(Boolean).join(delimiter);
  const env = { ...process.env, PYTHONPATH: path };
  const result = spawnSync(python, ['-m', ...options], { stdio: 'inherit', env, cwd });
  if (result.error)
    fail(`${python} does not start (${result.error.message}): remove models/forge/.venv and try again.`);
  return result.status ?? 1;
}

function isUpToDate() {
  return existsSync(python) && existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === wanted;
}

function makeEnvironment() {
  if (!existsSync(python)) {
    const system = findPython();
    console.log('forge: making the virtual environment models/forge/.venv (once)');
    rmSync(environment, { recursive: true, force: true });
    if (!succeeds(system, ['-m', 'venv', environment])) {
      rmSync(environment, { recursive: true, force: true });
      fail(`${system} cannot make virtual environments: install its venv module (Debian: apt install python3-venv).`);
    }
  }
  console.log('forge: installing models/forge/requirements.txt (PyTorch is large: about 3 GB, several minutes)');
  if (!succeeds(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements])) {
    fail('pip could not install models/forge/requirements.txt: see its message above, then run the command again.');
  }
  writeFileSync(stamp, `${wanted}\n`);
}

function findPython() {
  const names = process.env.PYTHON ? [process.env.PYTHON] : ['python3', 'python'];
  const found = names.find((name) => isRecent(name));
  if (found) return found;
  throw fail(
    `needs Python ${MINIMUM_PYTHON.join('.')} or newer, tried ${names.join(' and ')}: install it, or name it in PYTHON=/path/to/python.`,
  );
}

function isRecent(name) {
  const check = `import sys; sys.exit(sys.version_info < (${MINIMUM_PYTHON.join(', ')}))`;
  return spawnSync(name, ['-c', check], { stdio: 'ignore' }).status === 0;
}

function succeeds(command, options) {
  return spawnSync(command, options, { stdio: 'inherit' }).status === 0;
}

/** @returns {never} */
function fail(message) {
  console.error(`forge: ${message}`);
  process.exit(1);
}
