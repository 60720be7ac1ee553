import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
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
    'FORECASTER_UNAVAILABLE',
    'DATABASE_UNAVAILABLE',
  )
  async create(@Body({ schema: policyRequest }) request: PolicyRequest): Promise<PolicyView> {
    await requireModel(this.forecaster, request.model ?? 'auto');
    return viewPolicy(await this.policies.create(toPolicyInput(request)));
  }

  @Get()
  @ApiOperation({ summary: 'List the stream policies, by name.' })
  @ApiResponse({ status: 200, standardSchema: policyList })
  @ApiProblems('DATABASE_UNAVAILABLE')
  async list(): Promise<{ policies: PolicyView[] }> {
    return { policies: (await this.policies.list()).map(viewPolicy) };
  }

  @Get(':policy_id')
  @ApiParam(POLICY)
  @ApiOperation({ summary: 'One stream policy.' })
  @ApiResponse({ status: 200, standardSchema: policyExample })
  @ApiProblems('NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async find(@Param('policy_id') policyId: string): Promise<PolicyView> {
    return viewPolicy(await this.policies.get(policyId));
  }

  @Patch(':policy_id')
  @ApiParam(POLICY)
  @ApiOperation({ summary: 'Pause or resume a stream policy. Points that came meanwhile are not caught up.' })
  @ApiResponse({ status: 200, standardSchema: policyExample })
  @ApiProblems('INVALID_REQUEST', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async setEnabled(
    @Param('policy_id') policyId: string,
    @Body({ schema: policyPatch }) { enabled }: PolicyPatch,
  ): Promise<PolicyView> {
    return viewPolicy(await this.policies.setEnabled(policyId, enabled));
  }

  @Delete(':policy_id')
  @HttpCode(204)
  @ApiParam(POLICY)
  @ApiOperation({ summary: 'Remove a stream policy. The forecasts that it made stay.' })
  @ApiResponse({ status: 204, description: 'Removed.' })
  @ApiProblems('NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async remove(@Param('policy_id') policyId: string): Promise<void> {
    await this.policies.delete(policyId);
  }
}
