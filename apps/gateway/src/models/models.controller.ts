import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '@app/server';
import { z } from 'zod';
import { FORECAST_CLIENT, type ForecastClient, type ModelDescription } from '../../../forecaster/src/forecast-client.js';

const modelView = z.object({
  name: z.string().describe('What `model` of a request names.'),
  family: z.string(),
  kind: z.enum(['neural', 'baseline']),
  state: z.enum(['ready', 'unloaded', 'refused']).describe('unloaded: proven, and back when it is asked for.'),
  code: z.string().optional().describe('What is wrong with a package that was refused.'),
  reason: z.string().optional().describe('Why it was refused.'),
  refused_update: z
    .object({ code: z.string(), reason: z.string() })
    .optional()
    .describe('Newer files on the disk are not served, and why; all else is of what serves.'),
  memory_bytes: z.int().optional().describe('Memory that it takes when it is loaded, estimated.'),
  provider: z.string().optional().describe('Where it runs, as proven when it was loaded: cpu, cuda, webgpu; js for baselines.'),
  provider_fallback: z.string().optional().describe('Why it does not run where the configuration wanted it to.'),
  version: z.string().optional(),
  sha256: z.string().optional(),
  context_length: z.int().optional().describe('Points that it sees.'),
  prediction_length: z.int().optional().describe('Steps of one run; longer horizons are rolled.'),
  channel_policy: z
    .enum(['independent', 'aligned', 'mixing'])
    .optional()
    .describe('Whether it forecasts series one by one, or the channels of an item together.'),
  channels: z.array(z.string()).optional().describe('Channels that it was made for, in their order.'),
  min_context: z.int().optional().describe('Observed points from which auto trusts it.'),
  licence: z.string().optional(),
  parameters: z.int().optional(),
  metrics: z.record(z.string(), z.unknown()).optional().describe('What was measured when it was made.'),
});
type ModelView = z.output<typeof modelView>;

const modelList = z.object({ models: z.array(modelView) }).meta({
  examples: [
    {
      models: [
        {
          name: 'ttm/base',
          family: 'ttm',
          kind: 'neural',
          state: 'ready',
          provider: 'cpu',
          version: '1.0.0',
          sha256: '9f2c…',
          context_length: 512,
          prediction_length: 96,
          min_context: 64,
          licence: 'Apache-2.0',
        },
        { name: 'mstl', family: 'mstl', kind: 'baseline', state: 'ready', provider: 'js' },
      ],
    },
  ],
});

/** The models that a request can name. */
@ApiTags('models')
@Controller('models')
export class ModelsController {
  constructor(@Inject(FORECAST_CLIENT) private readonly forecaster: ForecastClient) {}

  @Get()
  @ApiOperation({ summary: 'List the models, each with the provider that it is proven to run on.' })
  @ApiResponse({ status: 200, standardSchema: modelList })
  @ApiProblems('FORECASTER_UNAVAILABLE')
  async list(): Promise<{ models: ModelView[] }> {
    return { models: (await this.forecaster.models()).map(view) };
  }
}

function view(model: ModelDescription): ModelView {
  const { channels, channelPolicy, providerFallback, contextLength, predictionLength, minContext, metrics, refusedUpdate, bytes, ...rest } = model;
  return {
    ...rest,
    ...(refusedUpdate === undefined ? {} : { refused_update: refusedUpdate }),
    ...(bytes === undefined ? {} : { memory_bytes: Math.round(bytes) }),
    ...(providerFallback === undefined ? {} : { provider_fallback: providerFallback }),
    ...(contextLength === undefined ? {} : { context_length: contextLength }),
    ...(predictionLength === undefined ? {} : { prediction_length: predictionLength }),
    ...(channelPolicy === undefined ? {} : { channel_policy: channelPolicy }),
    ...(channels === undefined ? {} : { channels: [...channels] }),
    ...(minContext === undefined ? {} : { min_context: minContext }),
    ...(metrics === undefined ? {} : { metrics }),
  };
}
