import { CurrentAccess, RequireScope, type Access } from '@app/access';
import { PlatformError } from '@app/observability';
import { Controller, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { MetricMetadata } from './metric-family.js';
import { MetricStore } from './metric-store.js';
import { Parameters } from './parameters.js';
import { PrometheusQueries } from './prometheus-queries.js';
import { metricOf, type QueryData } from './query-result.js';

interface Success<T> {
  readonly status: 'success';
  readonly data: T;
}

/** The version whose semantics and API are spoken; clients choose what they ask for by it. */
const SPOKEN_VERSION = '2.42.0';

/** The reading half of Prometheus' HTTP API: https://prometheus.io/docs/prometheus/2.42/querying/api/ */
@ApiExcludeController()
@RequireScope('read')
@Controller('prometheus/api/v1')
export class PrometheusController {
  constructor(
    private readonly queries: PrometheusQueries,
    private readonly store: MetricStore,
  ) {}

  @Get('query')
  async query(@Req() request: FastifyRequest, @CurrentAccess() access: Access): Promise<Success<QueryData>> {
    return success(await this.queries.instant(new Parameters(request), access, Date.now()));
  }

  @Post('query')
  @HttpCode(200)
  queryByForm(@Req() request: FastifyRequest, @CurrentAccess() access: Access): Promise<Success<QueryData>> {
    return this.query(request, access);
  }

  @Get('query_range')
  async queryRange(@Req() request: FastifyRequest, @CurrentAccess() access: Access): Promise<Success<QueryData>> {
    return success(await this.queries.range(new Parameters(request), access));
  }

  @Post('query_range')
  @HttpCode(200)
  queryRangeByForm(@Req() request: FastifyRequest, @CurrentAccess() access: Access): Promise<Success<QueryData>> {
    return this.queryRange(request, access);
  }

  @Get('series')
  async series(@Req() request: FastifyRequest, @CurrentAccess() access: Access) {
    const found = await this.queries.labels(new Parameters(request), access, true);
    return success(found.map(metricOf));
  }

  @Post('series')
  @HttpCode(200)
  seriesByForm(@Req() request: FastifyRequest, @CurrentAccess() access: Access) {
    return this.series(request, access);
  }

  @Get('labels')
  async labels(@Req() request: FastifyRequest, @CurrentAccess() access: Access): Promise<Success<string[]>> {
    const found = await this.queries.labels(new Parameters(request), access, false);
    return success(sorted(found.flatMap((labels) => [...labels.keys()])));
  }

  @Post('labels')
  @HttpCode(200)
  labelsByForm(@Req() request: FastifyRequest, @CurrentAccess() access: Access): Promise<Success<string[]>> {
    return this.labels(request, access);
  }

  @Get('label/:name/values')
  async labelValues(
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @CurrentAccess() access: Access,
  ): Promise<Success<string[]>> {
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      throw new PlatformError('INVALID_REQUEST', `invalid label name: ${JSON.stringify(name)}`);
    }
    const found = await this.queries.labels(new Parameters(request), access, false);
    return success(sorted(found.flatMap((labels) => labels.get(name) ?? [])));
  }

  /** Of the metrics of Tidecast: of those that came from Prometheus only the samples did. */
  @Get('metadata')
  metadata(@Req() request: FastifyRequest): Success<Record<string, readonly MetricMetadata[]>> {
    const parameters = new Parameters(request);
    const metric = parameters.text('metric');
    const all = Object.entries(this.store.metadata()).filter(([name]) => metric === undefined || name === metric);
    const entries = all.slice(0, parameters.count('limit')).map(([name, metadata]) => [name, [metadata]] as const);
    return success(Object.fromEntries(entries));
  }

  @Get('status/buildinfo')
  buildInfo() {
    const unknown = { branch: '', buildUser: '', buildDate: '', goVersion: '' };
    return success({ version: SPOKEN_VERSION, revision: 'tidecast', ...unknown });
  }
}

function success<T>(data: T): Success<T> {
  return { status: 'success', data };
}

function sorted(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
