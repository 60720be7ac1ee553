import { Body, Controller, Get, Param, Patch, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentAccess, type Access } from '@app/access';
import { ApiProblems } from '@app/server';
import { checkPatch } from './check-patch.js';
import { ObservationReader } from './observation-reader.js';
import { SeriesCatalogue } from './series-catalogue.js';
import {
  observationsPage,
  observationsQuery,
  seriesExample,
  seriesPage,
  seriesPatch,
  seriesQuery,
  type ObservationsPage,
  type ObservationsQuery,
  type SeriesPage,
  type SeriesPatch,
  type SeriesQuery,
  type SeriesView,
} from './series.schema.js';
import { ThinnedPoints } from './thinned-points.js';

const ITEM = { name: 'item_id', example: 'pump-7', description: 'Percent-encoded where it holds a slash or the like.' };
const CHANNEL = { name: 'channel', example: 'flow' };

/** Series, and what was observed of them. */
@ApiTags('series')
@Controller('series')
export class SeriesController {
  constructor(
    private readonly catalogue: SeriesCatalogue,
    private readonly observations: ObservationReader,
    private readonly thinned: ThinnedPoints,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List series, in the order of item and channel.' })
  @ApiQuery({ name: 'label.site', required: false, example: 'north', description: 'Any label: `label.<key>=<value>`.' })
  @ApiResponse({ status: 200, standardSchema: seriesPage })
  @ApiProblems('INVALID_REQUEST', 'DATABASE_UNAVAILABLE')
  list(@CurrentAccess() access: Access, @Query({ schema: seriesQuery }) query: SeriesQuery): Promise<SeriesPage> {
    return this.catalogue.list(query, access.itemPrefixes);
  }

  @Patch(':item_id/:channel')
  @ApiOperation({ summary: 'Declare what is known about a series. What is declared wins over what is inferred.' })
  @ApiParam(ITEM)
  @ApiParam(CHANNEL)
  @ApiResponse({ status: 200, standardSchema: seriesExample })
  @ApiProblems(
    'INVALID_REQUEST',
    'FREQ_INVALID',
    'TIME_ZONE_INVALID',
    'ITEM_FORBIDDEN',
    'NOT_FOUND',
    'DATABASE_UNAVAILABLE',
  )
  async declare(
    @CurrentAccess() access: Access,
    @Param('item_id') itemId: string,
    @Param('channel') channel: string,
    @Body({ schema: seriesPatch }) patch: SeriesPatch,
  ): Promise<SeriesView> {
    access.requireItems(itemId);
    return this.catalogue.declare(itemId, channel, checkPatch(patch, itemId));
  }

  @Get(':item_id/:channel/observations')
  @ApiOperation({ summary: 'Points of a series, oldest first; with as_of, as they were known at that time.' })
  @ApiParam(ITEM)
  @ApiParam(CHANNEL)
  @ApiResponse({ status: 200, standardSchema: observationsPage })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async read(
    @CurrentAccess() access: Access,
    @Param('item_id') itemId: string,
    @Param('channel') channel: string,
    @Query({ schema: observationsQuery }) query: ObservationsQuery,
  ): Promise<ObservationsPage> {
    access.requireItems(itemId);
    const seriesId = await this.catalogue.idOf(itemId, channel);
    const points =
      query.max_points === undefined
        ? await this.observations.read(seriesId, query)
        : await this.thinned.read(seriesId, query, query.max_points);
    return { item_id: itemId, channel, ...points };
  }
}
