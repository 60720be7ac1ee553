import { CurrentAccess, RequireScope, type Access } from '@app/access';
import { ENV, type Env } from '@app/config';
import { PlatformError } from '@app/observability';
import { ApiProblems, currentTraceparent } from '@app/server';
import { Body, Controller, Headers, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiConsumes, ApiExcludeController, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';

import { ObservationIntake, type IntakeElement } from '../observation-intake.js';
import { decodeWriteRequest, type WrittenSeries } from './write-request.js';

const METRIC_NAME = '__name__';

/**
 * Prometheus' remote write, version 1.0: https://prometheus.io/docs/specs/prw/remote_write_spec/. The samples go the way
 * of those of prometheus-kafka-adapter, under the same names. What is answered makes a sender try again (5xx, 429) or
 * drop what can't be used (4xx).
 */
@ApiTags('observations')
@Controller('write')
@RequireScope('ingest')
export class RemoteWriteController {
  constructor(
    private readonly intake: ObservationIntake,
    @Inject(ENV) private readonly env: Env,
  ) {}

  @Post()
  @HttpCode(204)
  @ApiOperation({
    summary: 'Take samples of Prometheus in',
    description:
      'Remote write 1.0: a WriteRequest in protobuf, in the block format of snappy. Samples that are no finite number ' +
      'are gaps; native histograms are refused. Good samples beside bad ones are taken in, and the answer is 400.',
  })
  @ApiConsumes('application/x-protobuf')
  @ApiResponse({ status: 204, description: 'The log has all samples durably.' })
  @ApiProblems('INVALID_REQUEST', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'LOG_UNAVAILABLE')
  async write(
    @Body() body: unknown,
    @Headers('content-encoding') encoding: string | undefined,
    @CurrentAccess() access: Access,
  ): Promise<void> {
    const series = decodeWriteRequest(bytesOf(body, encoding), this.env.MAX_BODY_BYTES);
    const elements = series.flatMap(elementsOf);
    if (elements.length === 0) return;
    const context = { access, traceparent: currentTraceparent(), now: Date.now() };
    const { accepted, rejected, errors } = await this.intake.take(elements, context);
    const [first] = errors;
    if (!first) return;
    const message = `${rejected} of ${accepted + rejected} samples are not stored, the others are; the first: ${first.message}`;
    throw new PlatformError('INVALID_REQUEST', message, { accepted, rejected, errors });
  }
}

/** The same beside the reading half of Prometheus' API. */
@ApiExcludeController()
@Controller('prometheus/api/v1/write')
@RequireScope('ingest')
export class PrometheusWriteController extends RemoteWriteController {}

function bytesOf(body: unknown, encoding: string | undefined): Buffer {
  if (Buffer.isBuffer(body) && encoding?.trim().toLowerCase() === 'snappy') return body;
  throw new PlatformError(
    'UNSUPPORTED_MEDIA_TYPE',
    'a remote write is application/x-protobuf with the content-encoding snappy; send it so',
  );
}

/** The samples of a series as records of prometheus-kafka-adapter. */
function elementsOf({ labels, samples, histograms }: WrittenSeries): IntakeElement[] {
  const name = labels.get(METRIC_NAME);
  const others = Object.fromEntries([...labels].filter(([label]) => label !== METRIC_NAME));
  if (!name) {
    const message = `the series ${JSON.stringify(others).slice(0, 200)} has no label __name__; send the name of its metric`;
    return [{ error: new PlatformError('ITEM_ID_INVALID', message) }];
  }
  if (histograms > 0) {
    const message = `${name} is a native histogram; send classic ones, or drop it with write_relabel_configs`;
    return [{ error: new PlatformError('UNKNOWN_FORMAT', message) }];
  }
  return samples.map(({ timestamp, value }) => ({
    json: { name, labels: others, timestamp: timeOf(timestamp), value: Number.isFinite(value) ? value : null },
  }));
}

/** As text, so that no time is taken for seconds; one beyond all dates is refused as the number that it is. */
function timeOf(timestamp: number): string | number {
  return Math.abs(timestamp) <= 8.64e15 ? new Date(timestamp).toISOString() : timestamp;
}
