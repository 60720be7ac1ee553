import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, ownIdentity, type ProcessIdentity } from './process-identity.js';
import { errorCode } from './startup-error.js';

/** Who holds a data folder, and where it answers once it does. */
export interface LockHolder extends ProcessIdentity {
  readonly url?: string;
}

/** One process at a time owns a data folder. A lock whose process is gone (kill -9, power cut) is taken over. */
export class InstanceLock {
  private constructor(private readonly file: string) {}

  /** Takes the lock, or returns who has it. */
  static acquire(folder: string): InstanceLock | LockHolder {
    const file = join(folder, 'lock.json');
    const own = JSON.stringify(ownIdentity());
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, own, { mode: 0o644 });
    try {
      for (;;) {
        if (tryLink(draft, file)) return new InstanceLock(file);
        const text = readText(file);
        const holder = parseHolder(text);
        if (holder && holder.pid !== process.pid && isRunning(holder)) return holder;
        removeStale(file, text);
      }
    } finally {
      rmSync(draft, { force: true });
    }
  }

  /** Tells later starts where this one answers. */
  announce(url: string): void {
    const draft = `${this.file}.${process.pid}`;
    writeFileSync(draft, JSON.stringify({ ...ownIdentity(), url }), { mode: 0o644 });
    renameSync(draft, this.file);
  }

  release(): void {
    if (parseHolder(readText(this.file))?.pid === process.pid) rmSync(this.file, { force: true });
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

// Another process may have removed the same stale lock and put its own there since we read it: what was moved away is
// looked at again, and put back when it is not what we meant to remove.
function removeStale(file: string, stale: string | undefined): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
    if (readText(aside) !== stale) tryLink(aside, file);
    rmSync(aside, { force: true });
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parseHolder(text: string | undefined): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is LockHolder {
  return typeof value === 'object' && value !== null && 'pid' in value && 'startedAt' in value;
}
