import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentAccess, type Access } from '@app/access';
import { PlatformError } from '@app/observability';
import { ModelRoleRepository } from '@app/persistence';
import { ApiProblems } from '@app/server';
import { FORECAST_CLIENT, type ForecastClient } from '../../../forecaster/src/forecast-client.js';
import {
  roleExample,
  roleHistory,
  roleHistoryQuery,
  roleList,
  roleName,
  roleRemoval,
  roleRequest,
  toRole,
  viewChange,
  viewRole,
  type RoleHistory,
  type RoleHistoryQuery,
  type RoleRemoval,
  type RoleRequest,
  type RoleView,
} from './model-role.schema.js';
import { requireModel } from './require-model.js';

const ROLE = { name: 'role_name', description: 'A name of your own.', example: 'next-in-the-north' };

/** Which model serves which series, and which ones are tried beside it. */
@ApiTags('models')
@Controller('models/roles')
export class ModelRolesController {
  constructor(
    @Inject(FORECAST_CLIENT) private readonly forecaster: ForecastClient,
    private readonly roles: ModelRoleRepository,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'List the roles of models, by name.',
    description: 'What serves a series after all, and why, is in `champions` of GET /scorecard and in `parts.roles` of its forecasts.',
  })
  @ApiResponse({ status: 200, standardSchema: roleList })
  @ApiProblems('DATABASE_UNAVAILABLE')
  async list(@CurrentAccess() access: Access): Promise<{ roles: RoleView[] }> {
    const roles = await this.roles.findAll();
    return { roles: roles.filter(({ selector }) => access.mayTouchSelected(selector.itemIds)).map(viewRole) };
  }

  @Get(':role_name')
  @ApiParam(ROLE)
  @ApiOperation({ summary: 'One role.' })
  @ApiResponse({ status: 200, standardSchema: roleExample })
  @ApiProblems('ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async find(@CurrentAccess() access: Access, @Param('role_name') name: string): Promise<RoleView> {
    const role = await this.roles.find(name);
    if (!role) throw unknown(name);
    access.requireSelected(role.selector.itemIds);
    return viewRole(role);
  }

  @Put(':role_name')
  @ApiParam(ROLE)
  @ApiOperation({
    summary: 'Give a model a role on some series, in the place of what went by this name.',
    description:
      'Of several champions on a series the one that was set last counts, and the guard may replace it later by one that is clearly better.',
  })
  @ApiResponse({ status: 200, standardSchema: roleExample })
  @ApiProblems('INVALID_REQUEST', 'MALFORMED_JSON', 'ITEM_FORBIDDEN', 'MODEL_NOT_FOUND', 'FORECASTER_UNAVAILABLE', 'DATABASE_UNAVAILABLE')
  async set(
    @CurrentAccess() access: Access,
    @Param('role_name', { schema: roleName }) name: string,
    @Body({ schema: roleRequest }) request: RoleRequest,
  ): Promise<RoleView> {
    access.requireSelected(request.selector?.item_ids);
    // What went by this name is replaced.
    const before = await this.roles.find(name);
    if (before) access.requireSelected(before.selector.itemIds);
    await this.requireOne(request.model);
    return viewRole(await this.roles.set(name, toRole(request), new Date()));
  }

  @Delete(':role_name')
  @HttpCode(204)
  @ApiParam(ROLE)
  @ApiOperation({ summary: 'Remove a role. Its history, and what was stored and scored of the model, stay.' })
  @ApiResponse({ status: 204, description: 'Removed.' })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async remove(
    @CurrentAccess() access: Access,
    @Param('role_name') name: string,
    @Query({ schema: roleRemoval }) { reason }: RoleRemoval,
  ): Promise<void> {
    const role = await this.roles.find(name);
    if (role) access.requireSelected(role.selector.itemIds);
    if (!(await this.roles.remove(name, reason ?? null, new Date()))) throw unknown(name);
  }

  @Get(':role_name/history')
  @ApiParam(ROLE)
  @ApiOperation({ summary: 'Every change of a role, newest first.' })
  @ApiResponse({ status: 200, standardSchema: roleHistory })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async history(
    @CurrentAccess() access: Access,
    @Param('role_name') name: string,
    @Query({ schema: roleHistoryQuery }) { limit }: RoleHistoryQuery,
  ): Promise<RoleHistory> {
    access.requireAllItems('the history of roles');
    const changes = await this.roles.history(name, limit);
    if (changes.length === 0) throw unknown(name);
    return { changes: changes.map(viewChange) };
  }

  /** One model under its own name: `auto` is what the others stand beside, and a family's name may mean another one tomorrow. */
  private async requireOne(model: string): Promise<void> {
    await requireModel(this.forecaster, model);
    if ((await this.forecaster.models()).some(({ name }) => name === model)) return;
    const message = `"${model}" can't have a role; name one model as GET /api/v1/models lists it`;
    throw new PlatformError('INVALID_REQUEST', message, { model });
  }
}

function unknown(name: string): PlatformError {
  const message = `there is no role "${name}"; GET /api/v1/models/roles lists what there is`;
  return new PlatformError('NOT_FOUND', message, { name });
}
