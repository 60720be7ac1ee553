import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentAccess, type Access } from '@app/access';
import type { StreamPolicy } from '@app/persistence';
import { ApiProblems } from '@app/server';
import { FORECAST_CLIENT, type ForecastClient } from '../../../forecaster/src/forecast-client.js';
import { StreamPoliciesService } from '../../../forecaster/src/stream/stream-policies.service.js';
import { requireModel } from '../models/require-model.js';
import {
  policyExample,
  policyList,
  policyPatch,
  policyRequest,
  toPolicyInput,
  viewPolicy,
  type PolicyPatch,
  type PolicyRequest,
  type PolicyView,
} from './stream-policy.schema.js';

const POLICY = { name: 'policy_id', example: '0c2f5f1e-55d3-4b8e-9a57-3d1e2b6c7a10' };

/** When arriving points make forecasts. */
@ApiTags('stream policies')
@Controller('stream-policies')
export class StreamPoliciesController {
  constructor(
    private readonly policies: StreamPoliciesService,
    @Inject(FORECAST_CLIENT) private readonly forecaster: ForecastClient,
  ) {}

  @Post()
  @ApiOperation({
    summary: 'Create a stream policy.',
    description: 'Its forecasts are stored, and published to the topic `tidecast.forecasts`, keyed by item.',
  })
  @ApiResponse({ status: 201, standardSchema: policyExample })
  @ApiProblems(
    'INVALID_REQUEST',
    'MALFORMED_JSON',
    'FREQ_INVALID',
    'HORIZON_TOO_LONG',
    'MODEL_NOT_FOUND',
    'POLICY_NAME_TAKEN',
    'ITEM_FORBIDDEN',
    'FORECASTER_UNAVAILABLE',
    'DATABASE_UNAVAILABLE',
  )
  async create(
    @CurrentAccess() access: Access,
    @Body({ schema: policyRequest }) request: PolicyRequest,
  ): Promise<PolicyView> {
    access.requireSelected(request.selector?.item_ids);
    await requireModel(this.forecaster, request.model ?? 'auto');
    return viewPolicy(await this.policies.create(toPolicyInput(request)));
  }

  @Get()
  @ApiOperation({ summary: 'List the stream policies, by name.' })
  @ApiResponse({ status: 200, standardSchema: policyList })
  @ApiProblems('DATABASE_UNAVAILABLE')
  async list(@CurrentAccess() access: Access): Promise<{ policies: PolicyView[] }> {
    const policies = await this.policies.list();
    return { policies: policies.filter(({ selector }) => access.mayTouchSelected(selector.itemIds)).map(viewPolicy) };
  }

  @Get(':policy_id')
  @ApiParam(POLICY)
  @ApiOperation({ summary: 'One stream policy.' })
  @ApiResponse({ status: 200, standardSchema: policyExample })
  @ApiProblems('ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async find(@CurrentAccess() access: Access, @Param('policy_id') policyId: string): Promise<PolicyView> {
    return viewPolicy(await this.#getFor(access, policyId));
  }

  @Patch(':policy_id')
  @ApiParam(POLICY)
  @ApiOperation({ summary: 'Pause or resume a stream policy. Points that came meanwhile are not caught up.' })
  @ApiResponse({ status: 200, standardSchema: policyExample })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async setEnabled(
    @CurrentAccess() access: Access,
    @Param('policy_id') policyId: string,
    @Body({ schema: policyPatch }) { enabled }: PolicyPatch,
  ): Promise<PolicyView> {
    await this.#getFor(access, policyId);
    return viewPolicy(await this.policies.setEnabled(policyId, enabled));
  }

  @Delete(':policy_id')
  @HttpCode(204)
  @ApiParam(POLICY)
  @ApiOperation({ summary: 'Remove a stream policy. The forecasts that it made stay.' })
  @ApiResponse({ status: 204, description: 'Removed.' })
  @ApiProblems('ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async remove(@CurrentAccess() access: Access, @Param('policy_id') policyId: string): Promise<void> {
    await this.#getFor(access, policyId);
    await this.policies.delete(policyId);
  }

  /** A policy that the caller may see and change. @throws PlatformError NOT_FOUND, ITEM_FORBIDDEN. */
  async #getFor(access: Access, policyId: string): Promise<StreamPolicy> {
    const policy = await this.policies.get(policyId);
    access.requireSelected(policy.selector.itemIds);
    return policy;
  }
}
