// One install or build at a time, whoever starts it: two would write the same files.
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Runs `task` while no other process of this checkout does; waits with one line for its turn. */
export async function withLock(file, task) {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, String(process.pid));
  try {
    for (let told = false; !tryLink(draft, file); await sleep(200)) {
      const holder = holderOf(file);
      if (holder === 'gone') rmSync(file, { force: true });
      else if (!told) {
        process.stderr.write(`waiting for another start (pid ${holder}) to finish installing and building …\n`);
        told = true;
      }
    }
  } finally {
    rmSync(draft, { force: true });
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  try {
    await task();
  } finally {
    process.off('exit', release);
    release();
  }
}

/** Names a child as holder beside us: what a killed start left running still holds the lock. */
export function nameHolders(file, child) {
  writeFileSync(file, `${process.pid} ${child ?? ''}`);
}

function tryLink(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

// The process that took the lock, or what it started and left behind when it was killed.
function holderOf(file) {
  try {
    const pids = readFileSync(file, 'utf8').trim().split(' ').map(Number);
    return pids.find((pid) => pid > 0 && isAlive(pid)) ?? 'gone';
  } catch (error) {
    if (error.code === 'ENOENT') return 'gone';
    throw error;
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}
