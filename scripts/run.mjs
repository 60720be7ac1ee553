// node scripts/run.mjs <file below dist> …args: prepares, then runs a built program. Exit code and signals are its own.
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { orExplain, prepare, ROOT } from './prepare.mjs';

const [program, ...args] = process.argv.slice(2);
if (!program) {
  process.stderr.write('usage: node scripts/run.mjs <file below dist> …args\n');
  process.exit(2);
}
await orExplain(prepare);
const file = join(ROOT, 'dist', program);
// The program sees its own arguments, as if Node had been given it directly.
process.argv = [process.argv[0], file, ...args];
await import(pathToFileURL(file).href);
