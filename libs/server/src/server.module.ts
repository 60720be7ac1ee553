import { Controller, Get, Global, Header, Module, Res, type DynamicModule } from '@nestjs/common';
import { ApiExcludeController, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Doorkeeper, PublicAccess } from '@app/access';
import { LOGGER, metricsRegistry, type Logger } from '@app/observability';
import type { FastifyReply } from 'fastify';
import { ErrorForms } from './error-forms.js';
import { ReadinessProbes, type Readiness } from './readiness-probes.js';

/** For whatever watches the process. */
@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(private readonly probes: ReadinessProbes) {}

  @Get('live')
  @PublicAccess()
  @ApiOperation({ summary: 'The process runs and serves.' })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('ready')
  @PublicAccess()
  @ApiOperation({ summary: 'Everything the process needs works; 503 with the reason where it does not.' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const readiness = await this.probes.check();
    reply.code(readiness.status === 'ready' ? 200 : 503);
    return readiness;
  }
}

/** For Prometheus. */
@ApiExcludeController()
@Controller('metrics')
export class MetricsController {
  @Get()
  @Header('content-type', metricsRegistry.contentType)
  read(): Promise<string> {
    return metricsRegistry.metrics();
  }
}

/** What every role has: probes, logger, forms of errors, health and metrics. */
@Global()
@Module({
  controllers: [HealthController, MetricsController],
  providers: [ReadinessProbes, Doorkeeper],
  exports: [ReadinessProbes],
})
export class ServerModule {
  static register(logger: Logger, forms: ErrorForms): DynamicModule {
    const providers = [
      { provide: LOGGER, useValue: logger },
      { provide: ErrorForms, useValue: forms },
    ];
    return { module: ServerModule, providers, exports: providers };
  }
}
