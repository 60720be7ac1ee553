import { PlatformError } from '@app/observability';
import type { ContextWindow } from '@app/series';

/** How many grid points of a window were observed. */
export function observedPoints({ target }: ContextWindow): number {
  let count = 0;
  for (const value of target) if (!Number.isNaN(value)) count++;
  return count;
}

/** @throws PlatformError NO_OBSERVATIONS for a window that holds nothing to forecast from. */
export function requireObservations(window: ContextWindow): void {
  if (observedPoints(window) > 0) return;
  const message = `series ${window.itemId}/${window.channel} has no observed point in its context`;
  throw new PlatformError('NO_OBSERVATIONS', message, { itemId: window.itemId, channel: window.channel });
}
