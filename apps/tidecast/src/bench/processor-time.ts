import { readdirSync, readFileSync } from 'node:fs';

import type { DataSource } from 'typeorm';

/** The kernel counts in hundredths of a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time that this process has used, all its threads together. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Tells the seconds of processor time that a PostgreSQL server has used, all its processes together. */
export type ServerClock = () => number;

/** The clock of the server behind a connection; undefined where it is not on this machine, or this is not Linux. */
export async function postgresClock(dataSource: DataSource): Promise<ServerClock | undefined> {
  const rows = await dataSource.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
  const backend = readStat(rows[0]!.pid);
  if (!backend?.command.startsWith('postgres')) return undefined;
  const postmaster = backend.parent;
  return () => {
    let ticks = 0;
    for (const name of readdirSync('/proc')) {
      const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
      // Backends that have ended are in the time of their parent.
      if (Number(name) === postmaster) ticks += (stat?.own ?? 0) + (stat?.ended ?? 0);
      else if (stat?.parent === postmaster) ticks += stat.own;
    }
    return ticks / TICKS_PER_SECOND;
  };
}

/** What /proc/[pid]/stat says of a process, times in ticks; undefined where there is none. */
function readStat(pid: number): { command: string; parent: number; own: number; ended: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command may hold anything, brackets too; after it comes field 3.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return {
    command: text.slice(text.indexOf('(') + 1, end),
    parent: field(4),
    own: field(14) + field(15),
    ended: field(16) + field(17),
  };
}
