import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentAccess, RequireScope, type Access } from '@app/access';
import { ENV, type Env } from '@app/config';
import { ApiProblems, currentTraceparent } from '@app/server';
import { z } from 'zod';
import { checkHorizon } from '../../../forecaster/src/check-command.js';
import { FORECAST_CLIENT, type ForecastClient, type IssuedForecast } from '../../../forecaster/src/forecast-client.js';
import { documented } from '../documented.js';
import { checkAnswerSize, viewForecasts, viewReplay, viewWithParts } from './forecast-view.js';
import {
  forecastAnswer,
  forecastExample,
  forecastRequest,
  forecastRequestExamples,
  latestAnswer,
  latestQuery,
  levelsQuery,
  replayAnswer,
  type ForecastAnswer,
  type ForecastRequest,
  type ForecastView,
  type LatestAnswer,
  type LatestQuery,
  type LevelsQuery,
  type ReplayAnswer,
} from './forecast.schema.js';
import { levelsOf } from './quantile-levels.js';
import { StoredForecasts } from './stored-forecasts.js';
import {
  reconcileAnswer,
  reconcileRequest,
  reconcileRequestExamples,
  type ReconcileAnswer,
  type ReconcileRequest,
} from './reconcile.schema.js';
import { toHierarchyCommand, viewHierarchy } from './reconcile-view.js';
import { toCommand } from './to-command.js';

const forecastId = z.guid('must be the id of a forecast, such as 0b8d3a4e-5c1f-4a53-9d0e-1f6f7a0f2c11');

/** Forecasts: made on demand, and read again. */
@ApiTags('forecasts')
@RequireScope('read')
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
    'ITEM_FORBIDDEN',
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
  async forecast(
    @CurrentAccess() access: Access,
    @Body({ schema: forecastRequest }) request: ForecastRequest,
  ): Promise<ForecastAnswer> {
    // Series that come along are the caller's own, whatever they are called.
    access.requireItems(...[request.item_id ?? []].flat());
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

  @Post('reconciled')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Forecast series that add up, so that their forecasts add up too.',
    description:
      'Series of one channel are summed along labels. Every sum and every series is forecast, and the forecasts are reconciled: bottom-up, or by MinT with shrinkage. Means add up; quantiles are those of samples of which each one adds up. Nothing is stored.',
  })
  @ApiBody({ schema: documented(reconcileRequest), examples: reconcileRequestExamples })
  @ApiResponse({ status: 200, standardSchema: reconcileAnswer })
  @ApiProblems(
    'INVALID_REQUEST',
    'MALFORMED_JSON',
    'LEVELS_INVALID',
    'HORIZON_TOO_LONG',
    'TOO_MANY_SERIES',
    'ITEM_FORBIDDEN',
    'NOT_FOUND',
    'MODEL_NOT_FOUND',
    'PAYLOAD_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'NO_OBSERVATIONS',
    'CONTEXT_TOO_SHORT',
    'CHANNEL_NOT_IN_MODEL',
    'HIERARCHY_INVALID',
    'OVERLOADED',
    'INFERENCE_FAILED',
    'FORECASTER_UNAVAILABLE',
    'DATABASE_UNAVAILABLE',
  )
  async reconcile(
    @CurrentAccess() access: Access,
    @Body({ schema: reconcileRequest }) request: ReconcileRequest,
  ): Promise<ReconcileAnswer> {
    const { channel, labels } = request.hierarchy;
    if (await this.stored.hasForeignSeries(channel, labels, access.itemPrefixes)) {
      access.requireAllItems('all series of this hierarchy');
    }
    const levels = levelsOf(request);
    return viewHierarchy(await this.forecaster.reconcile(toHierarchyCommand(request)), levels);
  }

  @Get('latest')
  @ApiOperation({
    summary: 'The newest stored forecast of each channel of an item; with as_of, the newest of those issued by then.',
  })
  @ApiResponse({ status: 200, standardSchema: latestAnswer })
  @ApiProblems('INVALID_REQUEST', 'LEVELS_INVALID', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async latest(
    @CurrentAccess() access: Access,
    @Query({ schema: latestQuery }) query: LatestQuery,
  ): Promise<LatestAnswer> {
    access.requireItems(query.item_id);
    const levels = levelsOf(query);
    const { item_id, channel, as_of, cutoff_before, parts } = query;
    const found = await this.stored.latest(item_id, channel, as_of, cutoff_before);
    return { forecasts: parts === 'true' ? viewWithParts(found, levels) : viewForecasts(found, levels) };
  }

  @Get(':forecast_id')
  @ApiOperation({ summary: 'A stored forecast.' })
  @ApiResponse({ status: 200, standardSchema: forecastExample })
  @ApiProblems('INVALID_REQUEST', 'LEVELS_INVALID', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async find(
    @CurrentAccess() access: Access,
    @Param('forecast_id', { schema: forecastId }) id: string,
    @Query({ schema: levelsQuery }) query: LevelsQuery,
  ): Promise<ForecastView> {
    const levels = levelsOf(query);
    const [view] = viewForecasts([await this.#findFor(access, id)], levels);
    return view!;
  }

  @Post(':forecast_id/replay')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Make a stored forecast again, from what was known then.',
    description:
      'With the window, the models, the weights and the calibration that it was made with, as far as they are still there; what is not is listed in `differences`. Nothing is stored.',
  })
  @ApiResponse({ status: 200, standardSchema: replayAnswer })
  @ApiProblems(
    'INVALID_REQUEST',
    'LEVELS_INVALID',
    'ITEM_FORBIDDEN',
    'NOT_FOUND',
    'MODEL_NOT_FOUND',
    'NO_OBSERVATIONS',
    'CHANNEL_NOT_IN_MODEL',
    'REPLAY_UNAVAILABLE',
    'OVERLOADED',
    'INFERENCE_FAILED',
    'FORECASTER_UNAVAILABLE',
    'DATABASE_UNAVAILABLE',
  )
  async replay(
    @CurrentAccess() access: Access,
    @Param('forecast_id', { schema: forecastId }) id: string,
    @Query({ schema: levelsQuery }) query: LevelsQuery,
  ): Promise<ReplayAnswer> {
    const levels = levelsOf(query);
    await this.#findFor(access, id);
    return viewReplay(await this.forecaster.replay(id), levels);
  }

  async #findFor(access: Access, id: string): Promise<IssuedForecast> {
    const forecast = await this.stored.find(id);
    access.requireItems(forecast.itemId);
    return forecast;
  }
}
