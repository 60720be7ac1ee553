import { PlatformError } from '@app/observability';
import type { ClientSeries } from './client-series.js';
import type { Span } from './spans.js';

/**
 * The windows of a cross validation: `count` of them, `step` apart, the last one ending with the series.
 *
 * @throws PlatformError CONTEXT_TOO_SHORT where nothing would come before the first.
 */
export function crossValidationSpans(
  series: ClientSeries,
  { horizon, count, step }: { horizon: number; count: number; step: number },
): Span[] {
  const earliest = series.size - horizon - (count - 1) * step;
  if (earliest < 1) {
    throw tooShort(series, series.size - earliest + 1, `${count} windows of ${horizon} steps, ${step} apart`);
  }
  return Array.from({ length: count }, (_, i) => ({ series, first: earliest + i * step, steps: horizon }));
}

/**
 * Windows that lie side by side over all of the history that can be forecast: the oldest quarter, at most one window, is what the
 * first is made of.
 *
 * @param longest steps of a window at most.
 * @throws PlatformError CONTEXT_TOO_SHORT for a series of one point.
 */
export function historySpans(series: ClientSeries, longest: number): Span[] {
  const steps = Math.max(1, Math.min(longest, Math.floor(series.size / 4)));
  const count = Math.floor(series.size / steps) - 1;
  if (count < 1) throw tooShort(series, 2, 'a forecast of its history');
  return crossValidationSpans(series, { horizon: steps, count, step: steps });
}

/** The error for a series that has fewer points than needed. */
export function tooShort(series: ClientSeries, needed: number, what: string): PlatformError {
  const message = `series ${series.name} has ${series.size} points, ${what} need at least ${needed}; send more of it, or ask for less`;
  return new PlatformError('CONTEXT_TOO_SHORT', message, { itemId: series.name });
}
