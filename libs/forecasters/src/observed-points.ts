/** How many grid points of a window were observed. */
export function observedPoints({ target }: { readonly target: Float64Array }): number {
  let count = 0;
  for (const value of target) if (!Number.isNaN(value)) count++;
  return count;
}
