import { ERROR_CODES, PlatformError, type ErrorCode } from '@app/observability';
import { ApiProblems, currentTraceparent } from '@app/server';
import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';

import { ObservationIntake, elementsOfJson, elementsOfNdjson, type IntakeReceipt } from './observation-intake.js';

const NDJSON = ['application/x-ndjson', 'application/ndjson'];

const receipt = z.object({
  accepted: z.int().describe('Records that the log has durably, with at least their good points.'),
  rejected: z.int().describe('Records of which nothing can be used.'),
  errors: z.array(
    z.object({
      index: z.int().describe('Place of the record in the body, from 0; blank lines of NDJSON do not count.'),
      code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
    }),
  ),
});

const EXAMPLE = { item_id: 'pump-7', ts: '2026-01-01T00:00:00Z', values: { flow: 1.2, temp: 40 } };

/** The HTTP door to the observation log: the same records, the same checks, the same way to Postgres. */
@ApiTags('observations')
@Controller('observations')
export class ObservationController {
  constructor(private readonly intake: ObservationIntake) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Take observations in',
    description:
      'One record or an array of records as JSON, or one record a line as NDJSON: {"item_id", "ts", "values"} or ' +
      '{"unique_id", "ds", "y"}. Answers when the log has the accepted records durably; they are in Postgres moments ' +
      'later. A record that is usable in part is accepted, and its bad points are named.',
  })
  @ApiConsumes('application/json', 'application/x-ndjson')
  @ApiBody({ schema: { example: EXAMPLE } })
  @ApiResponse({ status: 202, standardSchema: receipt })
  @ApiProblems('MALFORMED_JSON', 'EMPTY_RECORD', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'LOG_UNAVAILABLE')
  observe(@Body() body: unknown, @Headers('content-type') contentType: string | undefined): Promise<IntakeReceipt> {
    return this.intake.take(elementsOf(body, contentType), currentTraceparent(), Date.now());
  }
}

function elementsOf(body: unknown, contentType: string | undefined) {
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  if (type !== undefined && NDJSON.includes(type)) return elementsOfNdjson(typeof body === 'string' ? body : '');
  if (type === undefined || type === 'application/json') return elementsOfJson(body);
  throw new PlatformError(
    'UNSUPPORTED_MEDIA_TYPE',
    `observations do not come as ${type}; send application/json or application/x-ndjson`,
  );
}
