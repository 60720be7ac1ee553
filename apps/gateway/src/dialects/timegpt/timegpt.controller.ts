import { RequireScope } from '@app/access';
import { Body, Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { notSupported } from '../api-error.js';
import { DialectForecaster } from '../dialect-forecaster.js';
import { parsePandasFrequency } from '../pandas-frequency.js';
import { detectAnomalies, detectOnline } from './anomalies.js';
import { crossValidationSpans, historySpans } from './cross-validation.js';
import { IntervalLevels } from './interval-levels.js';
import { forecastSpans, indexesOf, modelName, prepare, sizesOf, type Span } from './spans.js';
import {
  anomalyRequest,
  crossValidationRequest,
  forecastRequest,
  modelParamsQuery,
  onlineAnomalyRequest,
  type AnomalyAnswer,
  type AnomalyRequest,
  type CrossValidationAnswer,
  type CrossValidationRequest,
  type ForecastAnswer,
  type ForecastRequest,
  type ModelParamsQuery,
  type OnlineAnomalyAnswer,
  type OnlineAnomalyRequest,
} from './timegpt.schema.js';

const NO_FEATURES = { weights_x: null, feature_contributions: null } as const;

/** The API of TimeGPT, version 2, as the Python client `nixtla` speaks it: `NixtlaClient(base_url='http://…:8080')`. */
@ApiTags('dialect: TimeGPT')
@RequireScope('read')
@Controller()
export class TimeGptController {
  constructor(private readonly forecaster: DialectForecaster) {}

  @Get('validate_api_key')
  @ApiOperation({ summary: 'Whether the key is good: who may not come in does not get here.' })
  validateKey(): { detail: string } {
    return { detail: 'the API key is good' };
  }

  @Get('model_params')
  @ApiOperation({ summary: 'How much a model sees, and how far it forecasts in one run.' })
  async modelParams(
    @Query({ schema: modelParamsQuery }) { model, freq }: ModelParamsQuery,
  ): Promise<{ detail: { input_size: number; horizon: number } }> {
    parsePandasFrequency(freq);
    const { contextLength, predictionLength } = await this.forecaster.factsOf(modelName(model));
    return { detail: { input_size: contextLength, horizon: predictionLength } };
  }

  @Get('v2/models')
  @ApiOperation({ summary: 'The names that a request can give as model.' })
  async models(): Promise<{ models: { name: string }[] }> {
    const models = await this.forecaster.models();
    return { models: [{ name: 'auto' }, ...models.map(({ name }) => ({ name }))] };
  }

  @Post('v2/forecast')
  @HttpCode(200)
  @ApiOperation({ summary: 'Forecast series that come along.' })
  async forecast(@Body({ schema: forecastRequest }) request: ForecastRequest): Promise<ForecastAnswer> {
    const levels = new IntervalLevels(request.level ?? []);
    const prepared = await prepare(request, this.forecaster);
    const spans = prepared.series.map((series) => ({ series, first: series.size, steps: request.h }));
    const forecasts = await forecastSpans(prepared, spans, request.h, levels.quantiles, this.forecaster);
    return {
      mean: forecasts.flatMap(({ mean }) => mean),
      intervals: levels.intervals(forecasts),
      ...NO_FEATURES,
    };
  }

  @Post('v2/cross_validation')
  @HttpCode(200)
  @ApiOperation({ summary: 'Forecast the past of series that come along, window by window.' })
  async crossValidate(
    @Body({ schema: crossValidationRequest }) request: CrossValidationRequest,
  ): Promise<CrossValidationAnswer> {
    const levels = new IntervalLevels(request.level ?? []);
    const prepared = await prepare(request, this.forecaster);
    const spans = prepared.series.flatMap((series): Span[] => {
      if (request.full_history) return historySpans(series, request.h);
      const { h: horizon, n_windows: count } = request;
      return crossValidationSpans(series, { horizon, count, step: request.step_size ?? horizon });
    });
    const horizon = Math.max(...spans.map(({ steps }) => steps));
    const forecasts = await forecastSpans(prepared, spans, horizon, levels.quantiles, this.forecaster);
    return {
      mean: forecasts.flatMap(({ mean }) => mean),
      sizes: sizesOf(prepared.series, spans),
      idxs: indexesOf(spans),
      intervals: levels.intervals(forecasts),
      ...NO_FEATURES,
    };
  }

  @Post('v2/anomaly_detection')
  @HttpCode(200)
  @ApiOperation({ summary: 'Values of the history that are outside what was to be expected.' })
  detectAnomalies(@Body({ schema: anomalyRequest }) request: AnomalyRequest): Promise<AnomalyAnswer> {
    return detectAnomalies(request, this.forecaster);
  }

  @Post('v2/online_anomaly_detection')
  @HttpCode(200)
  @ApiOperation({ summary: 'Newest values that are outside what was to be expected.' })
  detectOnline(@Body({ schema: onlineAnomalyRequest }) request: OnlineAnomalyRequest): Promise<OnlineAnomalyAnswer> {
    return detectOnline(request, this.forecaster);
  }

  @Get('usage')
  @ApiOperation({ summary: 'There are no quotas.' })
  usage(): never {
    throw notSupported('requests are not counted here, there are no quotas by minute or month');
  }

  @Post(['v2/finetune', 'v2/finetune/async'])
  @ApiOperation({ summary: 'Not offered; the answer says what to do.' })
  finetune(): never {
    const remedy = '"npm run forge -- finetune" makes a model of your data that requests can name';
    throw notSupported(`models are not fine-tuned by requests; ${remedy}`);
  }

  @Get('v2/finetuned_models')
  @ApiOperation({ summary: 'There are none.' })
  finetunedModels(): { finetuned_models: never[] } {
    return { finetuned_models: [] };
  }

  @Delete('v2/finetuned_models/:id')
  @ApiOperation({ summary: 'Not offered; the answer says what to do.' })
  deleteFinetuned(): never {
    throw notSupported('there are no fine-tuned models under ids here');
  }

  @Post(['v2/simulate', 'v2/explain', 'v2/simulate/async', 'v2/explain/async'])
  @ApiOperation({ summary: 'Not offered; the answer says what to do.' })
  otherTasks(): never {
    throw notSupported(
      'paths are not simulated and features not explained here; forecast() with quantiles gives the distribution of each step',
    );
  }

  @Post(['v2/forecast/async', 'v2/cross_validation/async', 'v2/anomaly_detection/async'])
  @ApiOperation({ summary: 'Not offered; the answer says what to do.' })
  asyncJobs(): never {
    throw notSupported(
      'requests are answered at once, there are no jobs of clients; call the method of the client itself instead of client.jobs',
    );
  }
}

/** What of `/v2` and the root is this API's; the rest of `/v2` is the Open Inference Protocol's. */
const PATHS =
  /^\/(validate_api_key|model_params|usage|v2\/(models|forecast|cross_validation|(online_)?anomaly_detection|finetune|finetuned_models|simulate|explain|async))(\/(async|jobs)(\/.*)?)?\/?$/;

/** Whether errors of a path are told as this API does. */
export function isTimeGptPath(path: string): boolean {
  return PATHS.test(path);
}
