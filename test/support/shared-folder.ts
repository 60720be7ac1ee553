import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** A folder of the data that lies beside some checkouts (`../shared/<name>`), or undefined where it does not. */
export function sharedFolder(name: string): string | undefined {
  const folder = join(REPOSITORY, '..', 'shared', name);
  return existsSync(folder) ? folder : undefined;
}

/** `describe` for what needs that folder: `skipped: ../shared/<name> is not there` where it is missing. */
export function describeWithShared(name: string, title: string, body: (folder: string) => void): void {
  const folder = sharedFolder(name);
  if (folder) describe(title, () => body(folder));
  else describe.skip(`${title} (skipped: ../shared/${name} is not there)`, () => body(''));
}
