import { CurrentAccess, RequireScope, type Access } from '@app/access';
import { ApiProblems } from '@app/server';
import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import {
  deadLettersPage,
  deadLettersQuery,
  placeNumber,
  replayReceipt,
  type DeadLettersPage,
  type DeadLettersQuery,
  type ReplayReceipt,
} from './dead-letter.schema.js';
import { StoredDeadLetters } from './stored-dead-letters.js';

/** Records that could not be used: read, and sent again. */
@ApiTags('streams')
@Controller('dead-letters')
export class DeadLettersController {
  constructor(private readonly stored: StoredDeadLetters) {}

  @Get()
  @ApiOperation({ summary: 'Records that could not be used, newest first, each with what is wrong with it.' })
  @ApiResponse({ status: 200, standardSchema: deadLettersPage })
  @ApiProblems('INVALID_REQUEST', 'DATABASE_UNAVAILABLE')
  list(
    @Query({ schema: deadLettersQuery }) query: DeadLettersQuery,
    @CurrentAccess() access: Access,
  ): Promise<DeadLettersPage> {
    // What item a record is of can't be told: that is why it is here.
    access.requireAllItems('dead letters');
    return this.stored.list(query);
  }

  @Post(':topic/:partition/:offset/replay')
  @HttpCode(202)
  @RequireScope('admin')
  @ApiOperation({
    summary: 'Send a record to its topic again.',
    description:
      'With its key and headers, and with the header `replay-of`. It is taken off the list; if it still can not be used, it comes back with its new offset.',
  })
  @ApiParam({ name: 'topic', example: 'tidecast.observations' })
  @ApiResponse({ status: 202, standardSchema: replayReceipt })
  @ApiProblems('INVALID_REQUEST', 'NOT_FOUND', 'REPLAY_UNAVAILABLE', 'DATABASE_UNAVAILABLE')
  async replay(
    @Param('topic') topic: string,
    @Param('partition', { schema: placeNumber }) partition: number,
    @Param('offset', { schema: placeNumber }) offset: number,
    @CurrentAccess() access: Access,
  ): Promise<ReplayReceipt> {
    access.requireAllItems('dead letters');
    await this.stored.replay({ topic, partition, offset });
    return { topic, partition, offset, status: 'queued' };
  }
}
