import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { repositoryRoot } from '../repository-root.js';
import { startServer, type ServerProcess } from './rest-load.js';

const FOLDER = 'benchmarks/rest/python';

/** The Python of the peer, or why it is missing. */
export function findPeer(make: boolean): { python: string } | { missing: string } {
  const folder = join(repositoryRoot(), FOLDER);
  const python = join(folder, '.venv/bin/python');
  if (make && !existsSync(python)) makeEnvironment(folder, python);
  const ready = spawnSync(python, ['-c', 'import fastapi, numpy, onnxruntime, uvicorn'], { stdio: 'ignore' });
  if (ready.status === 0) return { python };
  return { missing: `no environment in ${FOLDER}/.venv; --make-peer makes it` };
}

function makeEnvironment(folder: string, python: string): void {
  const run = (command: string, args: string[]) => {
    const { status } = spawnSync(command, args, { stdio: ['ignore', 2, 2] });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: see above`);
  };
  run('python3', ['-m', 'venv', join(folder, '.venv')]);
  run(python, ['-m', 'pip', 'install', '--quiet', '-r', join(folder, 'requirements.txt')]);
}

/** The same ONNX file behind FastAPI: as many uvicorn workers as CPUs, each run on one thread. */
export function startPeer(python: string, model: string, workers: number): Promise<ServerProcess> {
  const folder = join(repositoryRoot(), FOLDER);
  const options = ['--host', '127.0.0.1', '--workers', String(workers), '--no-access-log', '--log-level', 'warning'];
  const args = (port: number) => [
    '-m',
    'uvicorn',
    'server:app',
    '--app-dir',
    folder,
    '--port',
    String(port),
    ...options,
  ];
  return startServer(python, args, { MODEL: join(repositoryRoot(), 'models', model), THREADS: '1' });
}
