import { setImmediate } from 'node:timers/promises';
import { ENV, type Env } from '@app/config';
import { PlatformError, metrics } from '@app/observability';
import { ContextRepository, type SeriesRow } from '@app/persistence';
import { Frequency, inferSeason, regularise, type ContextWindow, type ObservedPoints } from '@app/series';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { CONTEXT_LENGTH, failureOf, type ContextSource, type Prepared } from './series-context.js';

const SERIES_PER_TURN = 16;

/** All of a window but its points. */
export type WindowShape = Omit<ContextWindow, 'target' | 'cutoff'> & {
  readonly seriesId: number;
  /** Grid points. */
  readonly length: number;
};

/** Assembles the context windows of stored series. */
@Injectable()
export class ContextLoader {
  constructor(
    private readonly contexts: ContextRepository,
    @Inject(ENV) private readonly env: Pick<Env, 'DEFAULT_FREQ'>,
  ) {}

  /** The context of each series, in order; a series without a point is a failure. */
  async load(series: readonly SeriesRow[], asOf?: Date, manager?: EntityManager): Promise<Prepared[]> {
    if (series.length === 0) return [];
    const stop = metrics.contextSeconds.startTimer();
    const queries = series.map(({ seriesId, freq }) => ({ seriesId, lookBackMs: lookBack(freq) }));
    const points = await this.contexts.load(queries, { contextLength: CONTEXT_LENGTH, asOf, manager });
    const knownAt = asOf?.getTime() ?? Date.now();
    const contexts: Prepared[] = [];
    for (const [i, one] of series.entries()) {
      contexts.push(this.contextOf(one, points[i]!, knownAt, asOf));
      // A thousand series take a good part of a second: other requests get their turn in between.
      if (i % SERIES_PER_TURN === SERIES_PER_TURN - 1) await setImmediate();
    }
    stop();
    return contexts;
  }

  /**
   * The window of a stored forecast as it was: frequency, season and zone are those that it was made with, and the points
   * those that were known then. Undefined where none of them is left.
   */
  async restore(series: WindowShape, { knownAt, newest }: ContextSource): Promise<ContextWindow | undefined> {
    const { seriesId, itemId, channel, freq, timeZone, season, length } = series;
    const [points] = await this.contexts.load([{ seriesId, lookBackMs: lookBack(freq.toString()) }], {
      contextLength: CONTEXT_LENGTH,
      asOf: new Date(knownAt),
      // Times are stored finer than milliseconds.
      until: new Date(newest + 1),
    });
    if (points!.timestamps.length === 0) return undefined;
    const { cutoff, target } = regularise(points!, freq, timeZone, CONTEXT_LENGTH);
    return { itemId, channel, freq, timeZone, season, cutoff, target: target.slice(-length) };
  }

  private contextOf(series: SeriesRow, points: ObservedPoints, knownAt: number, asOf?: Date): Prepared {
    if (points.timestamps.length === 0) return failureOf(series, noObservations(series, asOf));

    const { itemId, channel, timeZone, seriesId, traceparent } = series;
    const known = knownFreq(series.freq) ?? Frequency.infer(points.timestamps);
    const freq = known ?? Frequency.parse(this.env.DEFAULT_FREQ)!;
    const { cutoff, target } = regularise(points, freq, timeZone, CONTEXT_LENGTH);
    const season = series.season ?? inferSeason(target, freq.seasonCandidates());
    const window = { itemId, channel, freq, timeZone, season, cutoff, target };
    const newest = points.timestamps[points.timestamps.length - 1]!;
    return { window, freqAssumed: known === undefined, seriesId, traceparent, source: { knownAt, newest } };
  }
}

function knownFreq(text: string | null): Frequency | undefined {
  return text === null ? undefined : Frequency.parse(text);
}

/** One step more than the context, as months and days of daylight saving changes differ in length. */
function lookBack(text: string | null): number | null {
  const freq = knownFreq(text);
  return freq === undefined ? null : freq.approxMs * (CONTEXT_LENGTH + 1);
}

function noObservations({ itemId, channel }: SeriesRow, asOf?: Date): PlatformError {
  const when = asOf ? ` that was known at ${asOf.toISOString()}` : '';
  const remedy = asOf ? 'choose a later as_of' : 'send at least one';
  return new PlatformError('NO_OBSERVATIONS', `series ${itemId}/${channel} has no observation${when}; ${remedy}`);
}
