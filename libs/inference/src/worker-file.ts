import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The compiled script `name` beside the module at `moduleUrl`. A worker thread loads plain JavaScript: jest's transform
 * reaches only its own module registry, and Node 20 strips no types. From `dist` the script is the neighbour; from the
 * sources, where only specs run, it is taken from the build that `npm test` makes first. This is the one place that
 * knows the difference.
 *
 * @throws Error when there is no build.
 */
export function workerFile(name: string, moduleUrl: string): URL {
  const beside = new URL(`./${name}.js`, moduleUrl);
  if (existsSync(beside)) return beside;

  const at = beside.href.lastIndexOf('/libs/');
  const built = new URL(`${beside.href.slice(0, at)}/dist${beside.href.slice(at)}`);
  if (at < 0 || !existsSync(built))
    throw new Error(`${fileURLToPath(built)} does not exist: run "npm run build" first`);
  return built;
}
