import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentAccess, RequireScope, type Access } from '@app/access';
import { AuditRepository, type AuditEvent } from '@app/persistence';
import { ApiProblems } from '@app/server';
import { z } from 'zod';
import { cursor, decodeCursor, encodeCursor, limit } from '../request-values.js';

const auditQuery = z.strictObject({ limit: limit(100, 1_000), cursor });

const eventView = z.object({
  at: z.string(),
  caller: z.enum(['key', 'local', 'role', 'command']).describe('What asked: a key, this machine, a command.'),
  key_id: z.string().nullable(),
  name: z.string().describe('Of the key, or of the user who ran the command.'),
  address: z.string().describe('Where from: the other end of the connection, or the host of the command.'),
  action: z.string(),
  target: z.string(),
  details: z.record(z.string(), z.unknown()).describe('The body without its secrets, and the ids of what was made.'),
  outcome: z.string().nullable().describe('ok, or the code of the error; null where the process ended meanwhile.'),
  trace_id: z.string().nullable(),
});
type EventView = z.output<typeof eventView>;

const event: EventView = {
  at: '2026-01-08T12:00:00.000Z',
  caller: 'key',
  key_id: '4f0c9e2ab17d6835',
  name: 'ops',
  address: '10.0.0.7',
  action: 'DELETE /api/v1/jobs/:job_id',
  target: '/api/v1/jobs/5f6c0d3e-8a52-4b7e-9f0a-3a1d6e1b2c44',
  details: {},
  outcome: 'ok',
  trace_id: null,
};
const auditPage = z
  .object({ events: z.array(eventView), next_cursor: z.string().nullable() })
  .meta({ examples: [{ events: [event], next_cursor: null }] });

/** The id of the last event of a page. */
const POSITION = z.tuple([z.string().regex(/^\d{1,18}$/)]);

/** Who changed what. */
@ApiTags('access')
@RequireScope('admin')
@Controller('audit')
export class AuditController {
  constructor(private readonly audit: AuditRepository) {}

  @Get()
  @ApiOperation({ summary: 'Changes that need the scope admin, newest first: who, what, when and from where.' })
  @ApiResponse({ status: 200, standardSchema: auditPage })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'DATABASE_UNAVAILABLE')
  async list(
    @CurrentAccess() access: Access,
    @Query({ schema: auditQuery }) query: z.output<typeof auditQuery>,
  ): Promise<z.output<typeof auditPage>> {
    access.requireAllItems('the audit');
    const [before] = decodeCursor(query.cursor, POSITION) ?? [];
    const events = await this.audit.list(query.limit + 1, before ?? null);
    const page = events.slice(0, query.limit);
    const last = page.at(-1);
    return {
      events: page.map(view),
      next_cursor: last && events.length > page.length ? encodeCursor([last.eventId]) : null,
    };
  }
}

function view({ at, keyId, details, traceId, caller, name, address, action, target, outcome }: AuditEvent): EventView {
  return {
    at: at.toISOString(),
    caller,
    key_id: keyId,
    name,
    address,
    action,
    target,
    details: details as EventView['details'],
    outcome,
    trace_id: traceId,
  };
}
