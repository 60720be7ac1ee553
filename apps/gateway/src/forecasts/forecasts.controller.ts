import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ENV, type Env } from '@app/config';
import { ApiProblems, currentTraceparent } from '@app/server';
import { z } from 'zod';
import { checkHorizon } from '../../../forecaster/src/check-command.js';
import { FORECAST_CLIENT, type ForecastClient } from '../../../forecaster/src/forecast-client.js';
import { documented } from '../documented.js';
import { checkAnswerSize, viewForecasts } from './forecast-view.js';
import {
  forecastAnswer,
  forecastExample,
  forecastRequest,
  forecastRequestExamples,
  latestAnswer,
  latestQuery,
  levelsQuery,
  type ForecastAnswer,
  type ForecastRequest,
  type ForecastView,
  type LatestAnswer,
  type LatestQuery,
  type LevelsQuery,
} from './forecast.schema.js';
import { levelsOf } from './quantile-levels.js';
import { StoredForecasts } from './stored-forecasts.js';
import { toCommand } from './to-command.js';

const forecastId = z.guid('must be the id of a forecast, such as 0b8d3a4e-5c1f-4a53-9d0e-1f6f7a0f2c11');

/** Forecasts: made on demand, and read again. */
@ApiTags('forecasts')
@Controller('forecasts')
export class ForecastsController {
  constructor(
    @Inject(FORECAST_CLIENT) private readonly forecaster: ForecastClient,
    private readonly stored: StoredForecasts,
    @Inject(ENV) private readonly env: Pick<Env, 'MAX_HORIZON'>,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Forecast stored or inline series.',
    description:
      'Forecasts of stored series are kept. Of several series those that fail are listed in `failures` and the others answered; where only one series was asked for, its failure is the answer.',
  })
  @ApiBody({ schema: documented(forecastRequest), examples: forecastRequestExamples })
  @ApiResponse({ status: 200, standardSchema: forecastAnswer })
  @ApiProblems(
    'INVALID_REQUEST',
    'MALFORMED_JSON',
    'LEVELS_INVALID',
    'HORIZON_TOO_LONG',
    'TOO_MANY_SERIES',
    'FREQ_INVALID',
    'TS_INVALID',
    'TIME_ZONE_INVALID',
    'VALUE_NOT_FINITE',
    'NOT_FOUND',
    'MODEL_NOT_FOUND',
    'PAYLOAD_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'NO_OBSERVATIONS',
    'CONTEXT_TOO_SHORT',
    'CHANNEL_NOT_IN_MODEL',
    'OVERLOADED',
    'INFERENCE_FAILED',
    'FORECASTER_UNAVAILABLE',
    'DATABASE_UNAVAILABLE',
  )
  async forecast(@Body({ schema: forecastRequest }) request: ForecastRequest): Promise<ForecastAnswer> {
    const levels = levelsOf(request);
    const command = toCommand(request, currentTraceparent());
    checkHorizon(command.horizon, this.env.MAX_HORIZON);
    // Before work is done and rows are stored that can't be answered.
    checkAnswerSize(command.series.length * command.horizon, levels);

    const { forecasts, failures } = await this.forecaster.forecast(command);
    return {
      forecasts: viewForecasts(forecasts, levels),
      ...(failures.length === 0
        ? {}
        : { failures: failures.map(({ itemId, ...failure }) => ({ item_id: itemId, ...failure })) }),
    };
  }

  @Get('latest')
  @ApiOperation({ summary: 'The newest stored forecast of each channel of an item.' })
  @ApiResponse({ status: 200, standardSchema: latestAnswer })
  @ApiProblems('INVALID_REQUEST', 'LEVELS_INVALID', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async latest(@Query({ schema: latestQuery }) query: LatestQuery): Promise<LatestAnswer> {
    const levels = levelsOf(query);
    return { forecasts: viewForecasts(await this.stored.latest(query.item_id, query.channel), levels) };
  }

  @Get(':forecast_id')
  @ApiOperation({ summary: 'A stored forecast.' })
  @ApiResponse({ status: 200, standardSchema: forecastExample })
  @ApiProblems('INVALID_REQUEST', 'LEVELS_INVALID', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async find(
    @Param('forecast_id', { schema: forecastId }) id: string,
    @Query({ schema: levelsQuery }) query: LevelsQuery,
  ): Promise<ForecastView> {
    const levels = levelsOf(query);
    const [view] = viewForecasts([await this.stored.find(id)], levels);
    return view!;
  }
}
