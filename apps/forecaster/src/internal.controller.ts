import { RequireScope } from '@app/access';
import { Body, Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';

import {
  forecastCommandSchema,
  hierarchyCommandSchema,
  modelCommandSchema,
  replayCommandSchema,
} from './forecast-command.schema.js';
import {
  FORECAST_CLIENT,
  type ForecastClient,
  type ForecastCommand,
  type ForecastOutcome,
  type HierarchyCommand,
  type HierarchyOutcome,
  type ModelCommand,
  type ModelDescription,
  type ReplayOutcome,
} from './forecast-client.js';

/** The far side of `HttpForecastClient`: for the gateway, never for the public. */
@ApiExcludeController()
@RequireScope('internal')
@Controller('internal')
export class InternalController {
  constructor(@Inject(FORECAST_CLIENT) private readonly client: ForecastClient) {}

  @Post('forecasts')
  @HttpCode(200)
  forecast(@Body({ schema: forecastCommandSchema }) command: ForecastCommand): Promise<ForecastOutcome> {
    return this.client.forecast(command);
  }

  @Post('replays')
  @HttpCode(200)
  replay(@Body({ schema: replayCommandSchema }) { forecastId }: { forecastId: string }): Promise<ReplayOutcome> {
    return this.client.replay(forecastId);
  }

  @Post('hierarchies')
  @HttpCode(200)
  reconcile(@Body({ schema: hierarchyCommandSchema }) command: HierarchyCommand): Promise<HierarchyOutcome> {
    return this.client.reconcile(command);
  }

  @Post('models')
  @HttpCode(200)
  manageModels(@Body({ schema: modelCommandSchema }) command: ModelCommand): Promise<ModelDescription[]> {
    return this.client.manageModels(command);
  }

  @Get('models')
  models(): Promise<ModelDescription[]> {
    return this.client.models();
  }
}
