import { CurrentAccess, RequireScope, type Access } from '@app/access';
import { ERROR_CODES, type ErrorCode } from '@app/observability';
import { ApiProblems, currentTraceparent } from '@app/server';
import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';

import { elementsOf } from './observation-body.js';
import { ObservationIntake, type IntakeReceipt } from './observation-intake.js';

const receipt = z.object({
  accepted: z.int().describe('Records that the log has durably, with at least their good points.'),
  rejected: z.int().describe('Records of which nothing can be used.'),
  errors: z.array(
    z.object({
      index: z.int().describe('Place of the record in the body, from 0; blank lines do not count.'),
      code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
    }),
  ),
});

const EXAMPLE = { item_id: 'pump-7', ts: '2026-01-01T00:00:00Z', values: { flow: 1.2, temp: 40 } };

/** The HTTP door to the observation log: the same records, the same checks, the same way to Postgres. */
@ApiTags('observations')
@Controller('observations')
@RequireScope('ingest')
export class ObservationController {
  constructor(private readonly intake: ObservationIntake) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Take observations in',
    description:
      'One record or an array of records as JSON, or one record a line as NDJSON: {"item_id", "ts", "values"}, ' +
      '{"unique_id", "ds", "y"}, OTLP metrics, change events of Debezium, samples of prometheus-kafka-adapter. Line ' +
      "protocol as text/plain, OTLP metrics as application/x-protobuf, records in Confluent's wire format as " +
      'application/octet-stream. Answers when the log has the accepted records durably; they are in Postgres moments ' +
      'later. A record that is usable in part is accepted, and its bad points are named.',
  })
  @ApiConsumes(
    'application/json',
    'application/x-ndjson',
    'text/plain',
    'application/x-protobuf',
    'application/octet-stream',
  )
  @ApiBody({ schema: { example: EXAMPLE } })
  @ApiResponse({ status: 202, standardSchema: receipt })
  @ApiProblems('MALFORMED_JSON', 'EMPTY_RECORD', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'LOG_UNAVAILABLE')
  observe(
    @Body() body: unknown,
    @Headers('content-type') contentType: string | undefined,
    @CurrentAccess() access: Access,
  ): Promise<IntakeReceipt> {
    return this.intake.take(elementsOf(body, contentType), {
      access,
      traceparent: currentTraceparent(),
      now: Date.now(),
    });
  }
}
