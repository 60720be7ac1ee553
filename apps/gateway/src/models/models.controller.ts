import { Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentAccess, type Access } from '@app/access';
import { PlatformError } from '@app/observability';
import { ModelRepository } from '@app/persistence';
import { ApiProblems } from '@app/server';
import { FORECAST_CLIENT, type ForecastClient } from '../../../forecaster/src/forecast-client.js';
import {
  historyQuery,
  modelExample,
  modelHistory,
  modelList,
  viewEvent,
  viewModel,
  type HistoryQuery,
  type ModelHistory,
  type ModelView,
} from './model.schema.js';

const FAMILY = { name: 'family', description: 'First half of the name.', example: 'ttm' };
const NAME = { name: 'name', description: 'Second half of the name.', example: 'base' };

/** The models that a request can name. The name of a package, `ttm/base`, is two segments of a path. */
@ApiTags('models')
@Controller('models')
export class ModelsController {
  constructor(
    @Inject(FORECAST_CLIENT) private readonly forecaster: ForecastClient,
    private readonly models: ModelRepository,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List the models, each with the provider that it is proven to run on.' })
  @ApiResponse({ status: 200, standardSchema: modelList })
  @ApiProblems('FORECASTER_UNAVAILABLE')
  async list(): Promise<{ models: ModelView[] }> {
    return { models: (await this.forecaster.models()).map(viewModel) };
  }

  @Post('scan')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Look for new and changed model packages now.',
    description: 'Forecasters look by themselves every MODELS_RESCAN_SECONDS. Of several, the one that is asked does it.',
  })
  @ApiResponse({ status: 200, standardSchema: modelList })
  @ApiProblems('ITEM_FORBIDDEN', 'FORECASTER_UNAVAILABLE')
  async scan(@CurrentAccess() access: Access): Promise<{ models: ModelView[] }> {
    access.requireAllItems('models');
    return { models: (await this.forecaster.manageModels({ action: 'scan' })).map(viewModel) };
  }

  @Post(':family/:name/load')
  @HttpCode(200)
  @ApiParam(FAMILY)
  @ApiParam(NAME)
  @ApiOperation({
    summary: 'Bring a model package into memory.',
    description: 'One that was refused is proven anew; when it is refused again, the answer says why.',
  })
  @ApiResponse({ status: 200, standardSchema: modelExample })
  @ApiProblems(
    'ITEM_FORBIDDEN',
    'MODEL_NOT_FOUND',
    'MODEL_INVALID',
    'MODEL_FILE_CHANGED',
    'MODEL_FILE_BROKEN',
    'MODEL_SHAPE_WRONG',
    'MODEL_NOT_FINITE',
    'MODEL_GOLDEN_MISMATCH',
    'MODEL_TOO_SLOW',
    'MODEL_TOO_LARGE',
    'FORECASTER_UNAVAILABLE',
  )
  async load(
    @CurrentAccess() access: Access,
    @Param('family') family: string,
    @Param('name') name: string,
  ): Promise<ModelView> {
    access.requireAllItems('models');
    return this.manage('load', `${family}/${name}`);
  }

  @Post(':family/:name/unload')
  @HttpCode(200)
  @ApiParam(FAMILY)
  @ApiParam(NAME)
  @ApiOperation({ summary: 'Free the memory of a model package; it comes back with the next forecast that names it.' })
  @ApiResponse({ status: 200, standardSchema: modelExample })
  @ApiProblems('ITEM_FORBIDDEN', 'MODEL_NOT_FOUND', 'FORECASTER_UNAVAILABLE')
  async unload(
    @CurrentAccess() access: Access,
    @Param('family') family: string,
    @Param('name') name: string,
  ): Promise<ModelView> {
    access.requireAllItems('models');
    return this.manage('unload', `${family}/${name}`);
  }

  @Get(':family/:name/history')
  @ApiParam(FAMILY)
  @ApiParam(NAME)
  @ApiOperation({ summary: 'What became of a model package, newest first: loaded, replaced, unloaded, refused and why.' })
  @ApiResponse({ status: 200, standardSchema: modelHistory })
  @ApiProblems('INVALID_REQUEST', 'MODEL_NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async history(
    @Param('family') family: string,
    @Param('name') name: string,
    @Query({ schema: historyQuery }) { limit }: HistoryQuery,
  ): Promise<ModelHistory> {
    const events = await this.models.history(`${family}/${name}`, limit);
    if (events.length > 0) return { events: events.map(viewEvent) };
    throw new PlatformError('MODEL_NOT_FOUND', `there never was a model package "${family}/${name}"`);
  }

  private async manage(action: 'load' | 'unload', name: string): Promise<ModelView> {
    const models = await this.forecaster.manageModels({ action, name });
    return viewModel(models.find((model) => model.name === name)!);
  }
}
