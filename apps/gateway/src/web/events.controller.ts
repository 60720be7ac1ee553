import { Readable } from 'node:stream';
import { CurrentAccess, type Access } from '@app/access';
import { ApiProblems } from '@app/server';
import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Change } from './change.js';
import { LiveFeed } from './live-feed.js';

const MOST_ITEMS = 200;

/** Query of `GET /events`. */
const eventsQuery = z.strictObject({
  item_id: z
    .union([z.string(), z.array(z.string())])
    .transform((given) => [given].flat())
    .pipe(z.array(z.string().min(1).max(256)).max(MOST_ITEMS))
    .optional()
    .describe(`Items to follow, the key once for each, at most ${MOST_ITEMS}.`),
});
type EventsQuery = z.output<typeof eventsQuery>;

/** What changes, as server-sent events. */
@ApiTags('events')
@Controller('events')
export class EventsController {
  constructor(private readonly feed: LiveFeed) {}

  @Get()
  @ApiOperation({
    summary: 'What changes, as it happens: server-sent events.',
    description:
      '`series` (`item_id`, `channel`, `last_ts`, `forecast_id`) and `anomalies` (`item_id`) of the items that are followed; `jobs`, `models` and `streams` always. An event says what is not as it was; read it again to see what it is. Several changes of one thing may come as one event.',
  })
  @ApiProduces('text/event-stream')
  @ApiResponse({
    status: 200,
    content: {
      'text/event-stream': {
        schema: { type: 'string' },
        example:
          'event: series\ndata: {"item_id":"pump-7","channel":"flow","last_ts":"2026-01-08T12:00:00.000Z","forecast_id":null}\n\n',
      },
    },
  })
  @ApiProblems('INVALID_REQUEST', 'OVERLOADED', 'DATABASE_UNAVAILABLE')
  async follow(
    @Query({ schema: eventsQuery }) { item_id: items = [] }: EventsQuery,
    @CurrentAccess() access: Access,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    access.requireItems(...items);
    const changes = this.feed.follow(items);
    await reply
      .type('text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store')
      // Buffering proxies would hold events back until they have enough of them.
      .header('x-accel-buffering', 'no')
      .send(Readable.from(encode(changes)));
  }
}

async function* encode(changes: AsyncIterable<Change[]>): AsyncGenerator<string, void, void> {
  // The client knows at once that it is heard.
  yield ': hello\n\n';
  for await (const batch of changes) {
    yield batch.length === 0 ? ': still here\n\n' : batch.map(eventText).join('');
  }
}

// JSON has no line breaks outside of escapes: no name can end an event and begin another one.
function eventText({ type, ...data }: Change): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
