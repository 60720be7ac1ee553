import { totalmem } from 'node:os';

/** Bytes of memory that this process may use: those of the machine, less where a cgroup sets a limit. */
export function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  // Without a limit it is 0, or a number beyond all memory.
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
