import type { InlineSeries } from '../../../../forecaster/src/forecast-client.js';
import { notSupported } from '../api-error.js';
import type { DialectForecaster, LevelForecast } from '../dialect-forecaster.js';
import { clientSeries, type ClientSeries } from './client-series.js';
import type { SharedRequest } from './timegpt.schema.js';

/** Steps of a series to forecast from what comes before them. */
export interface Span {
  readonly series: ClientSeries;
  /** Index of the first step; that of the series' end is one after its last value. */
  readonly first: number;
  /** How many of the steps are wanted; the horizon at most. */
  readonly steps: number;
}

/** A request whose series and model are known to be usable. */
export interface Prepared {
  readonly series: readonly ClientSeries[];
  /** As our models are called. */
  readonly model: string;
  readonly multivariate: boolean;
}

/** The client's own models, of which there are none here. */
const TIMEGPT = /^(timegpt|azureai)/i;

/** A model's name as we call it: what the client knows is the model that chooses by itself. */
export function modelName(name: string): string {
  return TIMEGPT.test(name) ? 'auto' : name;
}

/**
 * Takes a request apart.
 *
 * @throws PlatformError for what is wrong with it; NOT_SUPPORTED for what no model here does.
 */
export async function prepare(request: SharedRequest, forecaster: DialectForecaster): Promise<Prepared> {
  refuseUnsupported(request);
  const series = clientSeries(request);
  const model = modelName(request.model);
  const multivariate = request.multivariate ?? false;
  const facts = await forecaster.factsOf(model);
  const features = (request.series.X?.length ?? 0) > 0;
  if ((features || multivariate) && !facts.together) {
    const what = features ? 'exogenous features' : 'multivariate';
    const remedy =
      'use a model whose channel_policy in GET /api/v1/models is "aligned", such as s-mamba/base, or leave it out';
    throw notSupported(`${what}: the model ${model} sees one series at a time; ${remedy}`);
  }
  return { series, model, multivariate };
}

function refuseUnsupported(request: SharedRequest): void {
  if ((request.finetune_steps ?? 0) > 0) {
    const remedy =
      'leave finetune_steps out; "npm run forge -- finetune" makes a model of your data that can be named here';
    throw notSupported(`models are not fine-tuned by requests; ${remedy}`);
  }
  if (request.finetuned_model_id) {
    const remedy = 'leave finetuned_model_id out; a model package of your own is named as the model';
    throw notSupported(`there are no fine-tuned models under ids; ${remedy}`);
  }
  if (request.feature_contributions) {
    throw notSupported('contributions of features are not computed; leave feature_contributions out');
  }
  if (request.model_parameters && Object.keys(request.model_parameters).length > 0) {
    throw notSupported('models here have no parameters in requests; leave model_parameters out');
  }
}

/**
 * Forecasts spans, each from what comes before it.
 *
 * @returns one forecast a span, in their order, of as many steps as it wants.
 */
export async function forecastSpans(
  { model, multivariate }: Prepared,
  spans: readonly Span[],
  horizon: number,
  levels: readonly number[],
  forecaster: DialectForecaster,
): Promise<LevelForecast[]> {
  const asked = spans.map((span, index) => ({ index, series: seriesOf(span, multivariate) }));
  // Channels of one item stand side by side.
  if (multivariate) asked.sort((a, b) => compare(a.series[0]!.itemId, b.series[0]!.itemId));
  const made = await forecaster.forecastAll(
    asked.flatMap(({ series }) => series),
    { horizon, model, levels },
  );
  const answers: LevelForecast[] = [];
  let next = 0;
  for (const { index, series } of asked) {
    const { steps } = spans[index]!;
    const { mean, quantiles } = made[next]!;
    answers[index] = { mean: mean.slice(0, steps), quantiles: quantiles.subarray(0, steps * levels.length) };
    next += series.length;
  }
  return answers;
}

/** The target and, after it, what helps it. Each span is an item of its own, as it must not see what others see. */
function seriesOf({ series, first }: Span, multivariate: boolean): InlineSeries[] {
  if (multivariate) return [series.upTo(first, `${first - series.size} steps from the end`, series.name)];
  const itemId = first === series.size ? series.name : `${series.name}[:${first}]`;
  return [series.upTo(first, itemId, 'y'), ...series.featuresUpTo(first, itemId)];
}

/** Where in `y` each step of the spans stands. */
export function indexesOf(spans: readonly Span[]): number[] {
  return spans.flatMap(({ series, first, steps }) =>
    Array.from({ length: steps }, (_, step) => series.offset + first + step),
  );
}

/** Of each series, how many steps its spans have. */
export function sizesOf(series: readonly ClientSeries[], spans: readonly Span[]): number[] {
  const sizes = new Map(series.map((one) => [one, 0]));
  for (const span of spans) sizes.set(span.series, sizes.get(span.series)! + span.steps);
  return [...sizes.values()];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
