import { messageOf, type Logger } from '@app/observability';
import type { ProfiledSeries, SeriesWriter } from '@app/persistence';
import { Frequency, inferSeason, regularise } from '@app/series';
import { backOff, pause } from '@app/streaming';

import { nextProfile, type SeriesRef } from './series-registry.js';

const LOOK_BACK = 1_024;
const SERIES_A_ROUND = 16;
const MAX_WAITING = 50_000;
/** It rests this many times as long as it worked: profiles may come late, observations may not. */
const REST_FACTOR = 4;

/**
 * Finds out the frequency and the season of a series from its last points: after 3, 8, 32, 128 and 512 points, then
 * every 1,024. Off the hot path, in small rounds with rests. At most 50,000 series wait; one that finds no room is
 * due again with its next points.
 */
export class SeriesProfiler {
  readonly #waiting = new Set<SeriesRef>();
  readonly #stopping = new AbortController();
  #working: Promise<void> | undefined;

  constructor(
    private readonly series: SeriesWriter,
    private readonly logger: Logger,
  ) {}

  /** Counts points that are committed. */
  count(ref: SeriesRef, points: number): void {
    ref.points += points;
    if (ref.points >= ref.nextProfileAt) this.request(ref);
  }

  /** Has the series looked at soon. */
  request(ref: SeriesRef): void {
    if (this.#stopping.signal.aborted || (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(ref))) return;
    this.#waiting.add(ref);
    ref.nextProfileAt = nextProfile(ref.points);
    this.#working ??= this.#work();
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#working;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    let failures = 0;
    while (this.#waiting.size > 0 && !signal.aborted) {
      const round = [...this.#waiting].slice(0, SERIES_A_ROUND);
      for (const ref of round) this.#waiting.delete(ref);
      const started = performance.now();
      try {
        await this.#profile(round);
        failures = 0;
        await pause((performance.now() - started) * REST_FACTOR, signal);
      } catch (error) {
        for (const ref of round) this.#waiting.add(ref);
        this.logger.warn({ reason: messageOf(error), series: round.length }, 'series were not profiled; trying again');
        await pause(backOff(failures++), signal);
      }
    }
    this.#working = undefined;
  }

  async #profile(refs: readonly SeriesRef[]): Promise<void> {
    const profiled = await this.series.lastPoints(
      refs.map(({ seriesId }) => seriesId),
      LOOK_BACK,
    );
    for (const series of profiled) {
      const profile = profileOf(series);
      if (profile) await this.series.profile(series.seriesId, profile.freq, profile.season);
    }
  }
}

/** Frequency and season of a series' last points, or undefined when they don't show a spacing. */
export function profileOf(series: ProfiledSeries): { freq: string; season: number } | undefined {
  const { timestamps, values, timeZone, declaredFreq } = series;
  const freq = (declaredFreq !== undefined && Frequency.parse(declaredFreq)) || Frequency.infer(timestamps);
  if (!freq || timestamps.length < 3) return undefined;
  const { target } = regularise({ timestamps, values }, freq, timeZone, LOOK_BACK);
  return { freq: freq.toString(), season: inferSeason(target, freq.seasonCandidates()) };
}
