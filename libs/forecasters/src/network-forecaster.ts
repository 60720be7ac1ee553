import { PlatformError } from '@app/observability';
import type { LoadedModel } from '@app/inference';
import { CANONICAL_LEVELS, meanOfQuantiles, type ContextWindow, type QuantileForecast } from '@app/series';
import type { NeuralForecaster } from './auto.js';
import { requireObservations } from './context.js';
import { fillGaps } from './fill-gaps.js';
import { groupBy } from './group-by.js';
import { magnitudeOf, restoreMagnitude } from './magnitude.js';
import { mapInFlight } from './map-in-flight.js';
import type { Network, Together } from './network.js';
import { observedPoints } from './observed-points.js';
import { aroundPoints, cutsOf, errorSpread, type ErrorSpread } from './point-intervals.js';
import { ROWS_PER_BLOCK, roll } from './rolling.js';
import { jointRows, singleRows, type RowSet } from './row-sets.js';
import { restore, seasonCandidates, standardise } from './window-tensors.js';

const WIDTH = CANONICAL_LEVELS.length;
/** Slices on their way: the next ones are made ready while the network runs. */
const SLICES_IN_FLIGHT = 3;
/** Blocks that one forecast may be rolled: cost grows with each, and there is nothing left to learn from. */
const MOST_BLOCKS = 48;
/** Points of a window at most: a package that wants more would never be content. */
const WINDOW_POINTS = 512;
const NOTHING = new Float64Array();

/** Forecasts with a package: what all families have in common. */
export class NetworkForecaster implements NeuralForecaster {
  readonly name: string;
  readonly minContext: number;
  readonly predictionLength: number;
  readonly together?: Together;

  constructor(
    private readonly model: LoadedModel,
    private readonly network: Network,
  ) {
    this.name = model.name;
    this.minContext = Math.min(model.manifest.minContext, WINDOW_POINTS);
    this.predictionLength = network.predictionLength;
    this.together = network.together;
  }

  async forecast(
    windows: readonly ContextWindow[],
    horizon: number,
    beside: readonly ContextWindow[] = [],
  ): Promise<QuantileForecast[]> {
    windows.forEach(requireObservations);
    this.#checkHorizon(horizon);
    const forecasts: QuantileForecast[] = [];
    await mapInFlight(this.#slices(windows, beside, horizon), SLICES_IN_FLIGHT, async (sets) => {
      const results = await new Slice(this.model.name, this.network, sets).forecast(horizon);
      sets.forEach((set, i) =>
        set.answers.forEach(({ index, position }) => {
          const { quantiles, parts } = results[i]![position]!;
          forecasts[index] = this.#toForecast(windows[index]!, quantiles, { ...set.parts, ...parts });
        }),
      );
    });
    return forecasts;
  }

  #checkHorizon(horizon: number): void {
    const most = MOST_BLOCKS * this.predictionLength;
    if (horizon <= most) return;
    const message = `${this.name} forecasts at most ${most} steps, ${horizon} were asked for; auto and the baselines go further`;
    throw new PlatformError('HORIZON_TOO_LONG', message, { horizon, most });
  }

  /** Rows that are made ready at once: bounds memory, and how long the serving thread is busy. */
  #slices(windows: readonly ContextWindow[], beside: readonly ContextWindow[], horizon: number): RowSet[][] {
    const { together, anyHorizon, predictionLength, gives, backtests } = this.network;
    const context = this.network.contextLength(WINDOW_POINTS, horizon);
    const sets = together ? jointRows(windows, beside, together, context) : singleRows(windows);
    const rolled = !anyHorizon && horizon > predictionLength;
    const copies = Math.max(rolled ? ROWS_PER_BLOCK : 1, gives === 'points' ? backtests : 1);
    const channels = this.network.channelsAtOnce(horizon) / copies;
    // A batch is a box: its rows have one number of channels.
    return [...groupBy(sets, ({ targets }) => targets.length)].flatMap(([variates, alike]) => {
      const size = Math.max(1, Math.floor(channels / variates));
      return Array.from({ length: Math.ceil(alike.length / size) }, (_, i) => alike.slice(i * size, (i + 1) * size));
    });
  }

  #toForecast(window: ContextWindow, quantiles: Float64Array, parts: Readonly<Record<string, unknown>>) {
    const observed = observedPoints(window);
    return {
      itemId: window.itemId,
      channel: window.channel,
      model: this.name,
      modelSha256: this.model.sha256,
      provider: this.model.provider,
      freq: window.freq,
      timeZone: window.timeZone,
      cutoff: window.cutoff,
      mean: meanOfQuantiles(quantiles),
      quantiles,
      status: observed < this.minContext ? ('short-context' as const) : ('ok' as const),
      parts: {
        contextPoints: Math.min(window.target.length, this.model.manifest.contextLength),
        observed,
        season: window.season,
        seasonCandidates: seasonCandidates(window).filter((season) => season > 0),
        chosen: { [this.name]: 'asked for' },
        ...fallbackPart(this.name, this.model.providerFallback),
        ...parts,
      },
    };
  }
}

interface ChannelForecast {
  /** Horizon × 13, in the units of the series. */
  readonly quantiles: Float64Array;
  readonly parts: Readonly<Record<string, unknown>>;
}

/** Rows of one number of channels on their way through the network. Channels are counted through all rows. */
class Slice {
  readonly #variates: number;
  readonly #targets: readonly Float64Array[];
  readonly #magnitudes: readonly number[];
  readonly #candidates: readonly number[][];

  constructor(
    private readonly name: string,
    private readonly network: Network,
    private readonly sets: readonly RowSet[],
  ) {
    this.#variates = sets[0]!.targets.length;
    const windows = sets.flatMap((set) => set.windows);
    const targets = sets.flatMap((set) => set.targets);
    this.#magnitudes = targets.map(magnitudeOf);
    this.#targets = targets.map((target, i) => {
      const magnitude = this.#magnitudes[i]!;
      const ordinary = magnitude === 1 ? target : target.map((value) => value / magnitude);
      return network.readsMask || target.length === 0 ? ordinary : fillGaps(ordinary, windows[i]!.season);
    });
    this.#candidates = sets.map((set) => seasonCandidates(set.windows.find((window) => window !== undefined)!));
  }

  /** By row, then by channel. */
  async forecast(horizon: number): Promise<ChannelForecast[][]> {
    const channels = this.network.gives === 'quantiles' ? await this.#quantiles(horizon) : await this.#points(horizon);
    const restored = channels.map(({ quantiles, parts }, i) => ({
      quantiles: restoreMagnitude(quantiles, this.#magnitudes[i]!),
      parts,
    }));
    return this.sets.map((_, row) => restored.slice(row * this.#variates, (row + 1) * this.#variates));
  }

  async #quantiles(horizon: number): Promise<ChannelForecast[]> {
    const { predictionLength } = this.network;
    const quantiles = await roll(this.#targets, horizon, this.#sizes(horizon), (contexts) =>
      this.#predict(contexts, predictionLength),
    );
    return quantiles.map((own) => ({ quantiles: own, parts: {} }));
  }

  async #points(horizon: number): Promise<ChannelForecast[]> {
    const { anyHorizon, predictionLength } = this.network;
    const steps = anyHorizon ? horizon : predictionLength;
    const spreads = await this.#spreads(Math.min(horizon, steps), steps);
    const withSpread = (points: Float64Array, channel: number) => aroundPoints(points, spreads[channel]!);
    const quantiles = anyHorizon
      ? (await this.#predict(this.#targets, steps)).map(withSpread)
      : await roll(this.#targets, horizon, this.#sizes(horizon), async (contexts, owners) => {
          const points = await this.#predict(contexts, steps);
          return points.map((own, i) => withSpread(own, owners[i]!));
        });
    return quantiles.map((own, i) => ({ quantiles: own, parts: { intervals: intervalsPart(spreads[i]!) } }));
  }

  /** What earlier forecasts missed, of each channel. */
  async #spreads(horizon: number, steps: number): Promise<ErrorSpread[]> {
    const cuts = this.sets.flatMap(({ targets }) => {
      const longest = Math.max(...targets.map(({ length }) => length));
      const own = cutsOf(longest, horizon, this.network.backtests);
      return targets.map(() => own);
    });
    const earlier = this.#targets.flatMap((target, i) =>
      cuts[i]!.map((cut) => target.subarray(0, Math.max(0, target.length - cut))),
    );
    const forecasts = await this.#predict(earlier, steps);
    return this.#targets.map((target, i) => {
      if (target.length === 0) return { origins: 0, at: () => new Float64Array(WIDTH) };
      const count = this.network.backtests;
      return errorSpread(target, cuts[i]!, forecasts.slice(i * count, (i + 1) * count));
    });
  }

  #sizes(horizon: number) {
    const { predictionLength } = this.network;
    return { contextLength: this.network.contextLength(WINDOW_POINTS, horizon), predictionLength };
  }

  /**
   * Blocks of contexts, in their units.
   *
   * @param contexts channel by channel as many of each, say one for every trajectory of a channel.
   */
  async #predict(contexts: readonly Float64Array[], steps: number): Promise<Float64Array[]> {
    const variates = this.#variates;
    const copies = contexts.length / this.#targets.length;
    const rows = this.sets.length * copies;
    /** Where the context of a channel in a row stands among `contexts`. */
    const placeOf = (row: number, channel: number) =>
      (Math.floor(row / copies) * variates + channel) * copies + (row % copies);
    const places = Array.from({ length: rows * variates }, (_, i) => placeOf(Math.floor(i / variates), i % variates));
    // What is not there stays so, whatever was forecast of it.
    const ordered = places.map((place) =>
      this.#targets[Math.floor(place / copies)]!.length === 0 ? NOTHING : contexts[place]!,
    );
    const longest = ordered.reduce((most, context) => Math.max(most, context.length), 1);
    const length = this.network.contextLength(longest, steps);
    const { scalers, ...scaled } = standardise(ordered, length);
    const setOf = (row: number) => Math.floor(row / copies);
    const output = await this.network.run(
      {
        rows,
        variates,
        length,
        ...scaled,
        candidates: Array.from({ length: rows }, (_, row) => this.#candidates[setOf(row)]!),
        freqs: Array.from({ length: rows }, (_, row) => this.sets[setOf(row)]!.windows.find((one) => one)!.freq),
      },
      steps,
    );
    const blocks = restore(output, scalers, this.network.gives === 'quantiles' ? WIDTH : 1);
    if (!blocks) {
      throw new PlatformError('INFERENCE_FAILED', `${this.name} gave values that are not finite`, { model: this.name });
    }
    const inOrder: Float64Array[] = [];
    places.forEach((place, i) => (inOrder[place] = blocks[i]!));
    return inOrder;
  }
}

/** Says on the forecast that the model runs somewhere else than it was wanted to. */
function fallbackPart(name: string, reason: string | undefined): { providerFallback?: Record<string, string> } {
  return reason === undefined ? {} : { providerFallback: { [name]: reason } };
}

function intervalsPart({ origins }: ErrorSpread): Record<string, unknown> {
  if (origins === 0) return { from: 'the spread of the series, as its context is too short to look back' };
  return { from: 'errors of earlier forecasts of the series', forecasts: origins };
}
