import { randomUUID } from 'node:crypto';
import { RequireScope } from '@app/access';
import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { ForecastFailure, ForecastOutcome, IssuedForecast } from '../../../../forecaster/src/forecast-client.js';
import { levelsOf } from '../../forecasts/quantile-levels.js';
import { DialectForecaster, errorOf } from '../dialect-forecaster.js';
import { toInput, toOutput, type Input } from './kserve-series.js';
import { forecastRequest, type ForecastRequest, type ForecastResponse } from './kserve.schema.js';

/** KServe's protocol for time-series models, version 1. */
@ApiTags('dialect: KServe time series')
@RequireScope('read')
@Controller('v1/timeseries')
export class KServeController {
  constructor(private readonly forecaster: DialectForecaster) {}

  @Get('models')
  @ApiOperation({ summary: 'The names that a request can give as model.' })
  async models(): Promise<string[]> {
    return ['auto', ...(await this.forecaster.models()).map(({ name }) => name)];
  }

  @Post('forecast')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Forecast series that come along.',
    description:
      'An input that fails does not take the others with it: its output says why, and the status is `partial`.',
  })
  async forecast(@Body({ schema: forecastRequest }) request: ForecastRequest): Promise<ForecastResponse> {
    const { model, options } = request;
    const levels = options.quantiles ? levelsOf({ levels: options.quantiles }) : null;
    const inputs = request.inputs.map(toInput);
    const series = inputs.flatMap((input) => input.series);
    const wanted = { model, horizon: options.horizon, levels: levels ?? [] };
    const outcome = await this.forecaster.forecastEach(series, wanted);
    return answer(model, inputs, outcome, levels);
  }
}

function answer(
  model: string,
  inputs: readonly Input[],
  { forecasts, failures }: ForecastOutcome,
  levels: readonly number[] | null,
): ForecastResponse {
  // One variable that fails is told for the whole input: a matrix has no holes.
  const failed = new Map<string, ForecastFailure>();
  for (const failure of failures) if (!failed.has(failure.itemId)) failed.set(failure.itemId, failure);
  if (failed.size === inputs.length) throw errorOf(failures[0]!);
  const made = new Map(inputs.map(({ given }) => [given.name, [] as IssuedForecast[]]));
  for (const forecast of forecasts) made.get(forecast.itemId)!.push(forecast);
  return {
    id: `resp_${randomUUID()}`,
    created_at: Math.floor(Date.now() / 1000),
    status: failed.size === 0 ? 'completed' : 'partial',
    error: null,
    model,
    outputs: inputs.map((input) => {
      const { name } = input.given;
      return toOutput(input, made.get(name)!, failed.get(name), levels, `ts_${randomUUID()}`);
    }),
  };
}
