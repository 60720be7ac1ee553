import { PublicAccess, RequireScope } from '@app/access';
import { PlatformError } from '@app/observability';
import { ReadinessProbes, type Problem } from '@app/server';
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { ModelDescription } from '../../../../forecaster/src/forecast-client.js';
import { DialectForecaster } from '../dialect-forecaster.js';
import { writeAnswer } from './infer-answer.js';
import { parseInferBody } from './infer-body.js';
import { INPUTS, OUTPUTS, readQuestion, toTensors } from './model-tensors.js';
import type { ModelMetadata } from './open-inference.schema.js';

/** Of models that don't say. */
const VERSION = '1';

/** A model in a path: `ttm`, `ttm/base` in two segments or percent-encoded, each with or without a version. */
const modelPaths = (end = '') =>
  ['models/:first', 'models/:first/:second'].flatMap((path) => [path + end, `${path}/versions/:version${end}`]);

interface ModelPath {
  readonly first: string;
  readonly second?: string;
  readonly version?: string;
}

/** The Open Inference Protocol, version 2, over HTTP, with the extension for binary tensors: what Triton's client speaks. */
@ApiTags('dialect: Open Inference Protocol')
@RequireScope('read')
@Controller('v2')
export class OpenInferenceController {
  constructor(
    private readonly forecaster: DialectForecaster,
    private readonly probes: ReadinessProbes,
  ) {}

  @Get()
  @ApiOperation({ summary: 'What this server is.' })
  server(): { name: string; version: string; extensions: string[] } {
    return { name: 'tidecast', version: '2', extensions: ['binary_tensor_data', 'model_repository'] };
  }

  @PublicAccess()
  @Get('health/live')
  @ApiOperation({ summary: 'The process runs and serves.' })
  live(): { live: true } {
    return { live: true };
  }

  @PublicAccess()
  @Get('health/ready')
  @ApiOperation({ summary: 'Everything the process needs works; 503 where it does not.' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<{ live: true; ready: boolean }> {
    const ready = (await this.probes.check()).status === 'ready';
    reply.code(ready ? 200 : 503);
    return { live: true, ready };
  }

  @Post('repository/index')
  @HttpCode(200)
  @ApiOperation({ summary: 'The models that serve.' })
  async index(): Promise<{ name: string; version: string; state: string; reason: string }[]> {
    const models = await this.forecaster.models();
    const entry = (name: string, version = VERSION) => ({ name, version, state: 'READY', reason: '' });
    return [entry('auto'), ...models.map(({ name, version }) => entry(name, version))];
  }

  @Get(modelPaths('/ready'))
  @ApiOperation({ summary: 'Whether a model serves.' })
  async modelReady(@Param() path: ModelPath): Promise<{ name: string; ready: true }> {
    const { name } = await this.#find(path);
    return { name, ready: true };
  }

  @Get(modelPaths())
  @ApiOperation({ summary: 'The tensors of a model; they are the same for all.' })
  async model(@Param() path: ModelPath): Promise<ModelMetadata> {
    const { name, version } = await this.#find(path);
    return { name, versions: [version], platform: 'tidecast', inputs: INPUTS, outputs: OUTPUTS };
  }

  @Post(modelPaths('/infer'))
  @HttpCode(200)
  @ApiOperation({ summary: 'Forecast the series of a tensor.' })
  async infer(
    @Param() path: ModelPath,
    @Headers('inference-header-content-length') headerLength: string | undefined,
    @Body() bytes: Buffer | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const model = await this.#find(path);
    const body = parseInferBody(bytes ?? Buffer.alloc(0), headerLength);
    const question = readQuestion(body);
    const forecasts = await this.forecaster.forecastAll(question.series, { ...question, model: model.name });
    const answer = writeAnswer(body.request, model, toTensors(forecasts, question));
    if (answer.headerLength === undefined) reply.type('application/json; charset=utf-8');
    else reply.type('application/octet-stream').header('inference-header-content-length', answer.headerLength);
    await reply.send(answer.body);
  }

  async #find({ first, second, version: asked }: ModelPath): Promise<{ name: string; version: string }> {
    const name = second === undefined ? first : `${first}/${second}`;
    const { description } = await this.forecaster.factsOf(name);
    const version = versionOf(description);
    if (asked === undefined || asked === version) return { name, version };
    const message = `the model ${name} is there in version ${version} only, not in ${JSON.stringify(asked.slice(0, 40))}`;
    throw new PlatformError('MODEL_NOT_FOUND', message);
  }
}

function versionOf(description: ModelDescription | undefined): string {
  return description?.version ?? VERSION;
}

/** Whether errors of a path are told as this protocol does. */
export function isOpenInferencePath(path: string): boolean {
  return path === '/v2' || path.startsWith('/v2/');
}

/** A problem in the protocol's form: one text. */
export function openInferenceError({ detail }: Problem): { body: { error: string } } {
  return { body: { error: detail } };
}
