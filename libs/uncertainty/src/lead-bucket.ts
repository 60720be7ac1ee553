/**
 * The bucket of a step: 1, 2–3, 4–7, 8–15, …, named by its first step. Errors grow with lead slower and slower, so
 * buckets that double keep what belongs together, and any horizon has few of them.
 *
 * @param step 1-based.
 */
export function leadBucket(step: number): number {
  return 2 ** Math.floor(Math.log2(step));
}
