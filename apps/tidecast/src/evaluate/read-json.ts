import { readFileSync } from 'node:fs';

import { messageOf } from '@app/observability';

/** The content of a manifest. @throws Error naming the file that can't be read or is no JSON. */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`--manifest ${file}: ${messageOf(error)}`, { cause: error });
  }
}
