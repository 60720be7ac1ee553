import { PlatformError } from '@app/observability';
import type { ContextWindow } from '@app/series';
import { observedPoints } from './observed-points.js';

/** @throws PlatformError NO_OBSERVATIONS for a window that holds nothing to forecast from. */
export function requireObservations(window: ContextWindow): void {
  if (observedPoints(window) > 0) return;
  const message = `series ${window.itemId}/${window.channel} has no observed point in its context`;
  throw new PlatformError('NO_OBSERVATIONS', message, { itemId: window.itemId, channel: window.channel });
}
