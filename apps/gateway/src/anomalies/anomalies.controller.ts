import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentAccess, RequireScope, type Access } from '@app/access';
import { ApiProblems } from '@app/server';
import {
  anomaliesPage,
  anomaliesQuery,
  anomalyExample,
  anomalyId,
  labelRequest,
  type AnomaliesPage,
  type AnomaliesQuery,
  type LabelledAnomalyView,
  type LabelRequest,
} from './anomaly.schema.js';
import { StoredAnomalies } from './stored-anomalies.js';

/** Anomalies: read, and labelled. */
@ApiTags('anomalies')
@Controller('anomalies')
export class AnomaliesController {
  constructor(private readonly stored: StoredAnomalies) {}

  @Get()
  @ApiOperation({ summary: 'Anomalies, newest first, with their reasons.' })
  @ApiResponse({ status: 200, standardSchema: anomaliesPage })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'DATABASE_UNAVAILABLE')
  async list(
    @CurrentAccess() access: Access,
    @Query({ schema: anomaliesQuery }) query: AnomaliesQuery,
  ): Promise<AnomaliesPage> {
    if (query.item_id !== undefined) access.requireItems(query.item_id);
    return this.stored.list(query, access.itemPrefixes);
  }

  @Get(':anomaly_id')
  @ApiOperation({ summary: 'One anomaly, with every label that it was given.' })
  @ApiResponse({ status: 200, standardSchema: anomalyExample })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async find(
    @CurrentAccess() access: Access,
    @Param('anomaly_id', { schema: anomalyId }) id: string,
  ): Promise<LabelledAnomalyView> {
    const anomaly = await this.stored.find(id);
    access.requireItems(anomaly.item_id);
    return anomaly;
  }

  @Post(':anomaly_id/label')
  @RequireScope('label')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Say what an anomaly was.',
    description:
      'A false positive makes the budget of alerts of its item stricter, a true one a little looser, from the next points of the item on. Labels are kept, each with its note; the newest one counts.',
  })
  @ApiResponse({ status: 200, standardSchema: anomalyExample })
  @ApiProblems('INVALID_REQUEST', 'MALFORMED_JSON', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async label(
    @CurrentAccess() access: Access,
    @Param('anomaly_id', { schema: anomalyId }) id: string,
    @Body({ schema: labelRequest }) { label, note }: LabelRequest,
  ): Promise<LabelledAnomalyView> {
    access.requireItems((await this.stored.find(id)).item_id);
    await this.stored.label(id, label, note);
    return this.stored.find(id);
  }
}
