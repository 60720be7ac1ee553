import { PlatformError } from '@app/observability';
import type { LoadedModel } from '@app/inference';
import { CANONICAL_LEVELS, meanOfQuantiles, type ContextWindow, type QuantileForecast } from '@app/series';
import type { NeuralForecaster } from './auto.js';
import { requireObservations } from './context.js';
import { mapInFlight } from './map-in-flight.js';
import { magnitudeOf, restoreMagnitude } from './magnitude.js';
import { observedPoints } from './observed-points.js';
import { ROWS_PER_BLOCK, roll, type BlockSizes } from './rolling.js';
import { fromBatch, seasonCandidates, toBatch } from './window-tensors.js';

const WIDTH = CANONICAL_LEVELS.length;
/** Rows that are made ready at once, one run of the network: bounds memory, and how long the serving thread is busy. */
const SLICE_ROWS = 64;
/** Slices on their way: the next ones are made ready while the network runs. */
const SLICES_IN_FLIGHT = 3;
/** Blocks that one forecast may be rolled: cost grows with each, and there is nothing left to learn from. */
const MOST_BLOCKS = 48;

/** Forecasts with a package of the TinyTimeMixer family. */
export class TtmForecaster implements NeuralForecaster {
  readonly name: string;
  readonly minContext: number;
  readonly predictionLength: number;
  readonly #sizes: BlockSizes;

  /** @throws PlatformError MODEL_INVALID when the package has other inputs, outputs or levels than this family. */
  constructor(private readonly model: LoadedModel) {
    checkSignature(model);
    const { contextLength, predictionLength, minContext } = model.manifest;
    this.name = model.name;
    this.minContext = minContext;
    this.predictionLength = predictionLength;
    this.#sizes = { contextLength, predictionLength };
  }

  async forecast(windows: readonly ContextWindow[], horizon: number): Promise<QuantileForecast[]> {
    windows.forEach(requireObservations);
    const blocks = Math.ceil(horizon / this.predictionLength);
    if (blocks > MOST_BLOCKS) {
      const most = MOST_BLOCKS * this.predictionLength;
      const message = `${this.name} forecasts at most ${most} steps, ${horizon} were asked for; auto and the baselines go further`;
      throw new PlatformError('HORIZON_TOO_LONG', message, { horizon, most });
    }
    const size = blocks === 1 ? SLICE_ROWS : Math.floor(SLICE_ROWS / ROWS_PER_BLOCK);
    const slices = Array.from({ length: Math.ceil(windows.length / size) }, (_, i) =>
      windows.slice(i * size, (i + 1) * size),
    );
    const forecasts = await mapInFlight(slices, SLICES_IN_FLIGHT, (slice) => this.#forecastSlice(slice, horizon));
    return forecasts.flat();
  }

  async #forecastSlice(windows: readonly ContextWindow[], horizon: number): Promise<QuantileForecast[]> {
    const magnitudes = windows.map(({ target }) => magnitudeOf(target));
    const targets = windows.map(({ target }, i) =>
      magnitudes[i] === 1 ? target : target.map((value) => value / magnitudes[i]!),
    );
    const candidates = windows.map(seasonCandidates);
    const quantiles = await roll(targets, horizon, this.#sizes, (contexts, owners) =>
      this.#predict(contexts.map((target, i) => ({ target, candidates: candidates[owners[i]!]! }))),
    );
    return windows.map((window, i) => {
      const own = restoreMagnitude(quantiles[i]!, magnitudes[i]!);
      return this.#toForecast(window, candidates[i]!, own);
    });
  }

  async #predict(rows: Parameters<typeof toBatch>[0]): Promise<Float64Array[]> {
    const { inputs, scalers } = toBatch(rows, this.#sizes.contextLength);
    const { quantiles } = await this.model.run(inputs);
    const blocks = quantiles?.dtype === 'float32' ? fromBatch(quantiles.data, scalers, WIDTH) : undefined;
    if (blocks) return blocks;
    throw new PlatformError('INFERENCE_FAILED', `${this.name} gave values that are not finite`, { model: this.name });
  }

  #toForecast(window: ContextWindow, candidates: readonly number[], quantiles: Float64Array): QuantileForecast {
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
      status: observed < this.minContext ? 'short-context' : 'ok',
      parts: {
        contextPoints: Math.min(window.target.length, this.#sizes.contextLength),
        observed,
        season: window.season,
        seasonCandidates: candidates.filter((season) => season > 0),
        chosen: { [this.name]: 'asked for' },
      },
    };
  }
}

function checkSignature({ name, manifest }: LoadedModel): void {
  const { contextLength, predictionLength, levels, inputs, outputs, channelPolicy } = manifest;
  const wanted = [
    `past_values float32 ${contextLength}`,
    `past_observed_mask float32 ${contextLength}`,
    'season_candidates int64 4',
    `quantiles float32 ${predictionLength},${WIDTH}`,
  ];
  const found = [...inputs, ...outputs].map(
    ({ name: tensor, dtype, shape }) => `${tensor} ${dtype} ${shape.slice(1).join()}`,
  );
  const missing = wanted.filter((signature) => !found.includes(signature));
  if (missing.length > 0) refuse(name, `tensors are ${found.join('; ')}; missing: ${missing.join('; ')}`);
  if (levels.join() !== CANONICAL_LEVELS.join())
    refuse(name, `levels are ${levels.join()}; must be ${CANONICAL_LEVELS.join()}`);
  if (channelPolicy !== 'independent') refuse(name, `channelPolicy is ${channelPolicy}; must be independent`);
}

function refuse(name: string, reason: string): never {
  throw new PlatformError('MODEL_INVALID', `model package ${name}: ${reason}`, { model: name });
}
