import { RequireScope } from '@app/access';
import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { levelsOf } from '../../forecasts/quantile-levels.js';
import { notSupported } from '../api-error.js';
import { DialectForecaster, type LevelForecast } from '../dialect-forecaster.js';
import { targetColumns, toSeries, type TableSeries } from './table.js';
import { inferenceRequest, type InferenceAnswer, type InferenceRequest, type TableSchema } from './watsonx.schema.js';

/** IBM's names hold the family: `ibm/granite-ttm-512-96-r2`, `ibm-granite/granite-timeseries-patchtsmixer`. */
const IBM = /^ibm(-granite|-research)?\//i;
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/ttm|tinytimemixer/i, 'ttm'],
  [/tsmixer/i, 'tsmixer'],
];

/** The inference service of granite-tsfm, whose request watsonx.ai has as well. */
@ApiTags('dialect: granite-tsfm')
@RequireScope('read')
@Controller('v1/inference')
export class WatsonxController {
  constructor(private readonly forecaster: DialectForecaster) {}

  @Post('forecasting')
  @HttpCode(200)
  @ApiOperation({ summary: 'Forecast the series of a table that comes along.' })
  async forecast(@Body({ schema: inferenceRequest }) request: InferenceRequest): Promise<InferenceAnswer> {
    refuseUnsupported(request);
    const model = modelName(request.model_id);
    const { predictionLength, together } = await this.forecaster.factsOf(model);
    const horizon = request.parameters?.prediction_length ?? predictionLength;
    const quantiles = request.parameters?.prediction_quantiles ?? [];
    const levels = quantiles.length === 0 ? [] : levelsOf({ levels: quantiles });
    const conditional = request.schema.conditional_columns?.length ?? 0;
    if (conditional > 0 && !together) {
      const remedy =
        'use a model whose channel_policy in GET /api/v1/models is "aligned", such as s-mamba/base, or leave them out';
      throw notSupported(`schema.conditional_columns: the model ${model} sees one series at a time; ${remedy}`);
    }

    const series = toSeries(request);
    const asked = series.flatMap(({ targets, helpers }) => [...targets, ...helpers]);
    const made = (await this.forecaster.forecastAll(asked, { horizon, model, levels })).values();
    const forecasts = series.map(({ targets, helpers }) => {
      const own = targets.map(() => made.next().value!);
      helpers.forEach(() => made.next());
      return own;
    });
    return {
      model_id: request.model_id,
      created_at: new Date().toISOString(),
      results: [tableOf(request, series, forecasts, levels, horizon)],
      input_data_points: series.reduce((sum, { targets, length }) => sum + targets.length * length, 0),
      output_data_points: series.reduce((sum, { targets }) => sum + targets.length * horizon, 0),
    };
  }
}

/** Whether errors of a path are told as this service does. */
export function isWatsonxPath(path: string): boolean {
  return path === '/v1/inference' || path.startsWith('/v1/inference/');
}

function modelName(id: string): string {
  if (!IBM.test(id)) return id;
  return FAMILIES.find(([pattern]) => pattern.test(id))?.[1] ?? id;
}

const KNOWN_AHEAD = ['observable_columns', 'control_columns'] as const satisfies readonly (keyof TableSchema)[];
const CATEGORICAL = [
  'static_categorical_columns',
  'categorical_columns',
] as const satisfies readonly (keyof TableSchema)[];

function refuseUnsupported({ schema, future_data }: InferenceRequest): void {
  const used = (column: (typeof KNOWN_AHEAD | typeof CATEGORICAL)[number]) => (schema[column]?.length ?? 0) > 0;
  const ahead = KNOWN_AHEAD.find(used) ?? (future_data ? 'future_data' : undefined);
  if (ahead) {
    const remedy = 'leave it out, or name columns in schema.conditional_columns to have their past used';
    throw notSupported(`${ahead}: what is known ahead is not used by any model here; ${remedy}`);
  }
  const categorical = CATEGORICAL.find(used);
  if (categorical)
    throw notSupported(`schema.${categorical}: categories are not used by any model here; leave them out`);
}

/** All forecasts as one table with the columns of the request, and one column more a target and quantile: `flow_q0.1`. */
function tableOf(
  { data, schema }: InferenceRequest,
  series: readonly TableSeries[],
  forecasts: readonly (readonly LevelForecast[])[],
  levels: readonly number[],
  horizon: number,
): Record<string, unknown[]> {
  const steps = Array.from({ length: horizon }, (_, step) => step);
  const column = (write: (one: TableSeries, i: number, step: number) => unknown) =>
    series.flatMap((one, i) => steps.map((step) => write(one, i, step)));
  const entries: [string, unknown[]][] = [
    [schema.timestamp_column, column(({ grid, length }, _, step) => grid.write(length + step))],
    ...(schema.id_columns ?? []).map((id, at): [string, unknown[]] => [id, column(({ ids }) => ids[at])]),
    ...targetColumns({ data, schema }).flatMap((target, at): [string, unknown[]][] => [
      [target, column((_, i, step) => forecasts[i]![at]!.mean[step])],
      ...levels.map((level, k): [string, unknown[]] => [
        `${target}_q${level}`,
        column((_, i, step) => forecasts[i]![at]!.quantiles[step * levels.length + k]),
      ]),
    ]),
  ];
  return Object.fromEntries(entries);
}
