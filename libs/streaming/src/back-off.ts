import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_MS = 100;
const LONGEST_MS = 10_000;

/** Milliseconds to wait after failure number `attempt` (from 0): 100, doubling to 10,000. */
export function backOff(attempt: number): number {
  return Math.min(FIRST_MS * 2 ** Math.min(attempt, 20), LONGEST_MS);
}

/** Waits, or returns early when the signal aborts; never throws. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}

/** Waits for the work, but no longer than `milliseconds`. */
export async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const enough = new AbortController();
  await Promise.race([work, pause(milliseconds, enough.signal)]);
  enough.abort();
}

/**
 * Tries until it is done, with longer and longer pauses, or until the signal aborts.
 *
 * @param failed hears of each failure, with its number from 0.
 * @returns whether it was done.
 */
export async function untilDone(
  attempt: () => Promise<unknown>,
  signal: AbortSignal,
  failed: (error: unknown, attempt: number) => void,
): Promise<boolean> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await attempt();
      return !signal.aborted;
    } catch (error) {
      failed(error, failures);
      await pause(backOff(failures), signal);
    }
  }
  return false;
}
