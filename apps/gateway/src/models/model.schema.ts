import type { ModelRecord } from '@app/persistence';
import { z } from 'zod';
import type { ModelDescription } from '../../../forecaster/src/forecast-client.js';
import { limit } from '../request-values.js';

const modelFields = z.object({
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
export type ModelView = z.output<typeof modelFields>;

/** All models. */
export const modelList = z.object({ models: z.array(modelFields) }).meta({
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

/** One model. */
export const modelExample = modelFields.meta({
  examples: [{ name: 'ttm/base', family: 'ttm', kind: 'neural', state: 'ready', provider: 'cpu', version: '1.0.0' }],
});

const modelEvent = z.object({
  at: z.string(),
  forecaster: z.string().describe('Host and process id of the forecaster that it happened in.'),
  state: z.enum(['ready', 'unloaded', 'refused', 'removed']),
  version: z.string().nullable(),
  sha256: z.string().nullable(),
  provider: z.string().nullable(),
  provider_fallback: z.string().nullable(),
  code: z.string().nullable(),
  reason: z.string().nullable(),
});
type ModelEventView = z.output<typeof modelEvent>;

/** What became of a model, newest first. */
export const modelHistory = z.object({ events: z.array(modelEvent) }).meta({
  examples: [
    {
      events: [
        {
          at: '2026-01-01T00:00:00.000Z',
          forecaster: 'forecaster-1:17',
          state: 'refused',
          version: '1.2.0',
          sha256: '9f2c…',
          provider: null,
          provider_fallback: null,
          code: 'MODEL_GOLDEN_MISMATCH',
          reason: 'model package ttm/base: on cpu: golden case "a day": got 1.2, expected 1.1 at 0',
        },
      ],
    },
  ],
});
export type ModelHistory = z.output<typeof modelHistory>;

export const historyQuery = z.object({ limit: limit(50, 500) });
export type HistoryQuery = z.output<typeof historyQuery>;

/** A model as clients see it. */
export function viewModel(model: ModelDescription): ModelView {
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

/** One line of a history as clients see it. */
export function viewEvent({ at, forecaster, state, version, sha256, provider, providerFallback, code, reason }: ModelRecord): ModelEventView {
  return {
    at: at.toISOString(),
    forecaster,
    state: state as ModelEventView['state'],
    version,
    sha256,
    provider,
    provider_fallback: providerFallback,
    code,
    reason,
  };
}
