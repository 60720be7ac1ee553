import { PlatformError } from '@app/observability';
import type { InlineSeries } from '../../../../forecaster/src/forecast-client.js';
import { levelsOf } from '../../forecasts/quantile-levels.js';
import { invalid } from '../api-error.js';
import type { LevelForecast, Wanted } from '../dialect-forecaster.js';
import { inlineSeries } from '../inline-series.js';
import { parsePandasFrequency } from '../pandas-frequency.js';
import type { InferBody } from './infer-body.js';
import type { InputTensor, OutputTensor, TensorMetadata } from './open-inference.schema.js';
import { numberTensor, textTensor, type Tensor } from './tensor.js';

/** What every model takes. `target` alone must be a tensor; the others may be parameters of the request instead. */
export const INPUTS: readonly TensorMetadata[] = [
  { name: 'target', datatype: 'FP64', shape: [-1, -1] },
  { name: 'freq', datatype: 'BYTES', shape: [1] },
  { name: 'horizon', datatype: 'INT64', shape: [1] },
  { name: 'levels', datatype: 'FP64', shape: [-1] },
];
/** What every model gives. */
export const OUTPUTS: readonly TensorMetadata[] = [
  { name: 'mean', datatype: 'FP64', shape: [-1, -1] },
  { name: 'quantiles', datatype: 'FP64', shape: [-1, -1, -1] },
  { name: 'levels', datatype: 'FP64', shape: [-1] },
];

/** No time goes in and none comes out: series begin at any. */
const ANY_START = Date.UTC(2000, 0, 1);

/** What the tensors ask for, but the model. */
export interface TensorQuestion extends Omit<Wanted, 'model'> {
  readonly series: readonly InlineSeries[];
}

/** @throws PlatformError naming the input that is missing or can't be used. */
export function readQuestion({ request, binary }: InferBody): TensorQuestion {
  const unknown = request.inputs.find(({ name }) => !INPUTS.some((input) => input.name === name));
  if (unknown) {
    const known = INPUTS.map(({ name }) => name).join(', ');
    throw invalid(`there is no input ${JSON.stringify(unknown.name)}; there are ${known}`);
  }
  const find = <T>(name: string, read: (input: InputTensor, bytes?: Uint8Array) => Tensor<T>) => {
    const [input, again] = request.inputs.filter((one) => one.name === name);
    if (again) throw invalid(`the input ${name} is given twice; give it once`);
    return input && read(input, binary.get(input));
  };
  const parameter = (name: string) => request.parameters?.[name] ?? undefined;

  const target = find('target', numberTensor);
  if (!target) throw invalid('the input target is missing; give a row of observations for each series');
  const freq = find('freq', textTensor)?.data[0] ?? parameter('freq');
  const horizon = find('horizon', numberTensor)?.data[0] ?? Number(parameter('horizon') ?? Number.NaN);
  if (!Number.isInteger(horizon) || horizon < 1) {
    throw invalid('horizon is missing or no whole number; give the input horizon, INT64 [1], or the parameter horizon');
  }
  const levels = levelsOf({ levels: find('levels', numberTensor)?.data ?? readLevels(parameter('levels')) });
  return { series: toSeries(target, freq), horizon, levels };
}

function readLevels(levels: unknown): number[] | undefined {
  if (levels === undefined) return undefined;
  const parts = typeof levels === 'string' ? levels.split(',') : [levels].flat();
  return parts.map((part) => (part === '' ? Number.NaN : Number(part)));
}

/** A row is a series: NaN is a gap, and what pads a short one in front. */
function toSeries({ shape, data }: Tensor<number>, alias: unknown): InlineSeries[] {
  if (shape.length > 2) {
    throw invalid(`input target: the shape [${shape.join(', ')}] must be [series, observations], or [observations]`);
  }
  if (typeof alias !== 'string') {
    const remedy = 'give the input freq, BYTES [1], or the parameter freq, such as "PT1H" or "h"';
    throw invalid(`freq, the time between observations, is missing; ${remedy}`, 'FREQ_INVALID');
  }
  const named = parsePandasFrequency(alias);
  const points = shape.at(-1)!;
  return Array.from({ length: data.length / points }, (_, row) => {
    const values = data.slice(row * points, (row + 1) * points);
    const target = values.map((value, at) => finiteOrGap(value, row, at));
    return inlineSeries({ itemId: `#${row}`, channel: 'target', named, start: ANY_START, target });
  });
}

function finiteOrGap(value: number, row: number, at: number): number | null {
  if (Number.isNaN(value)) return null;
  if (Number.isFinite(value)) return value;
  const message = `input target: series #${row} is infinite at ${at}; write NaN for a gap`;
  throw new PlatformError('VALUE_NOT_FINITE', message, { itemId: `#${row}`, index: at });
}

/** The answer as tensors. */
export function toTensors(forecasts: readonly LevelForecast[], { horizon, levels }: TensorQuestion): OutputTensor[] {
  const series = forecasts.length;
  const quantiles = new Float64Array(series * horizon * levels.length);
  forecasts.forEach((forecast, i) => quantiles.set(forecast.quantiles, i * horizon * levels.length));
  return [
    {
      name: 'mean',
      datatype: 'FP64',
      shape: [series, horizon],
      data: Float64Array.from(forecasts.flatMap((f) => f.mean)),
    },
    { name: 'quantiles', datatype: 'FP64', shape: [series, horizon, levels.length], data: quantiles },
    { name: 'levels', datatype: 'FP64', shape: [levels.length], data: Float64Array.from(levels) },
  ];
}
