import { CurrentAccess, type Access } from '@app/access';
import { ApiProblems } from '@app/server';
import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ScorecardReader } from './scorecard.reader.js';
import { scorecardQuery, scorecardView, type ScorecardQuery, type ScorecardView } from './scorecard.schema.js';

/** How forecasts did once their actuals arrived. */
@ApiTags('scorecard')
@Controller('scorecard')
export class ScorecardController {
  constructor(private readonly reader: ScorecardReader) {}

  @Get()
  @ApiOperation({ summary: 'How the forecasts of an item did lately, by channel, model and lead; and what is served.' })
  @ApiResponse({ status: 200, standardSchema: scorecardView })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async read(
    @CurrentAccess() access: Access,
    @Query({ schema: scorecardQuery }) query: ScorecardQuery,
  ): Promise<ScorecardView> {
    access.requireItems(query.item_id);
    return this.reader.read(query, new Date());
  }
}
