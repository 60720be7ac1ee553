import { z } from 'zod';
import { instant, numberList } from '../request-values.js';

export const levels = z
  .array(z.number())
  .optional()
  .describe('Quantile levels in (0, 1), any; the 13 canonical ones when neither levels nor coverage is given.');
export const coverage = z
  .union([z.number(), z.array(z.number())], 'must be a number such as 0.8, or a list of them')
  .optional()
  .describe('Instead of levels: nominal coverage of central intervals; 0.8 gives the levels 0.1 and 0.9.');

const inlineSeries = z.strictObject({
  item_id: z.string().min(1),
  channel: z.string().min(1).optional().describe('`value` when absent.'),
  freq: z.string().describe('ISO-8601 duration between points: PT15M, PT1H, P1D, P1M, …'),
  start: z.string().describe('Time of the first point, ISO-8601 with an offset.'),
  // Anything goes here: a value that is no number is refused with its time, which a schema does not know.
  target: z
    .array(z.unknown().meta({ type: 'number', nullable: true }))
    .min(1)
    .describe('One value a step, oldest first; null for a gap.'),
  time_zone: z.string().optional().describe('IANA zone in which days and months are counted; UTC when absent.'),
  season: z.int().min(1).optional().describe('Points in the main season, 1 for none; inferred when absent.'),
});
export type InlineSeriesRequest = z.output<typeof inlineSeries>;

/** Body of `POST /forecasts`. */
export const forecastRequest = z
  .strictObject({
    item_id: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)], 'must be an item id, or a list of them')
      .optional()
      .describe('Stored items: one, or a list.'),
    channel: z.string().min(1).optional().describe('One channel of the items; all of them when absent.'),
    series: z.array(inlineSeries).min(1).optional().describe('Series that come along, instead of item_id.'),
    horizon: z.int().min(1).describe('Steps ahead.'),
    levels,
    coverage,
    model: z.string().min(1).default('auto').describe('A name that GET /models lists, or auto.'),
    as_of: instant
      .optional()
      .describe('Forecast with what was known at this time; now when absent. For stored series.'),
  })
  .superRefine(({ item_id, channel, series, as_of }, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if ((item_id === undefined) === (series === undefined)) {
      refuse('item_id', 'give either item_id, for stored series, or series, for inline ones');
    }
    if (series === undefined) return;
    if (channel !== undefined) refuse('channel', 'an inline series names its channel itself');
    if (as_of !== undefined) refuse('as_of', 'an inline series holds what is known: leave as_of out');
  });
export type ForecastRequest = z.output<typeof forecastRequest>;

/** Bodies to start from, in OpenAPI. */
export const forecastRequestExamples = {
  stored: {
    summary: 'A stored series',
    value: { item_id: 'pump-7', channel: 'flow', horizon: 24, levels: [0.1, 0.5, 0.9] },
  },
  many: {
    summary: 'All channels of two items',
    value: { item_id: ['pump-7', 'pump-8'], horizon: 24, coverage: [0.8, 0.95] },
  },
  inline: {
    summary: 'A series that comes along',
    value: {
      series: [
        { item_id: 'shop-1', freq: 'P1D', start: '2026-01-01T00:00:00Z', target: [12, 15, null, 14, 13, 19, 22] },
      ],
      horizon: 7,
      coverage: 0.8,
    },
  },
};

/** Query of `GET /forecasts/{forecast_id}`. */
export const levelsQuery = z.strictObject({
  levels: numberList.optional().meta({ description: 'Quantile levels.', example: '0.1,0.5,0.9' }),
  coverage: numberList.optional().describe('Instead of levels: `0.8`, or `0.8,0.95`.'),
});
export type LevelsQuery = z.output<typeof levelsQuery>;

/** Query of `GET /forecasts/latest`. */
export const latestQuery = z.strictObject({
  item_id: z.string().min(1).meta({ example: 'pump-7' }),
  channel: z.string().min(1).optional().meta({ description: 'All channels of the item when absent.', example: 'flow' }),
  as_of: instant.optional().describe('Answer with what had been issued by this time; with everything when absent.'),
  parts: z.enum(['true', 'false']).optional().describe('Whether to tell what the forecasts were made of.'),
  cutoff_before: instant
    .optional()
    .describe('Only forecasts whose context ends before this time: what was foretold of the points since.'),
  ...levelsQuery.shape,
});
export type LatestQuery = z.output<typeof latestQuery>;

/** One forecast as clients see it. */
export const forecastView = z.object({
  forecast_id: z.string().nullable().describe('Null for an inline series: its forecast is not stored.'),
  item_id: z.string(),
  channel: z.string(),
  model: z.string().describe('What made it; never auto.'),
  model_sha256: z.string().nullable(),
  provider: z
    .string()
    .describe('Where it ran, as proven when the model was loaded: cpu, cuda, webgpu; js for baselines.'),
  status: z.string().describe('ok, or the assumption that was made: short-context, freq-assumed.'),
  issued_at: z.string(),
  cutoff: z.string().describe('Last time of the context.'),
  freq: z.string().describe('ISO-8601 duration between steps.'),
  time_zone: z.string(),
  start: z.string().describe('Time of the first step: one freq after the cutoff.'),
  ts: z.array(z.string()).describe('Time of each step.'),
  levels: z.array(z.number()).describe('Ascending.'),
  mean: z.array(z.number()).describe('One value a step, in the units of the series.'),
  quantiles: z.record(z.string(), z.array(z.number())).describe('By level: one value a step.'),
  parts: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('What it was made of: models with their shares, weights, calibration, context. Where asked for.'),
});
export type ForecastView = z.output<typeof forecastView>;

const forecast: ForecastView = {
  forecast_id: '0b8d3a4e-5c1f-4a53-9d0e-1f6f7a0f2c11',
  item_id: 'pump-7',
  channel: 'flow',
  model: 'ttm/base',
  model_sha256: '9f2c…',
  provider: 'cpu',
  status: 'ok',
  issued_at: '2026-01-08T12:00:31.114Z',
  cutoff: '2026-01-08T12:00:00.000Z',
  freq: 'PT1H',
  time_zone: 'UTC',
  start: '2026-01-08T13:00:00.000Z',
  ts: ['2026-01-08T13:00:00.000Z', '2026-01-08T14:00:00.000Z'],
  levels: [0.1, 0.5, 0.9],
  mean: [1.31, 1.35],
  quantiles: { '0.1': [1.12, 1.1], '0.5': [1.3, 1.34], '0.9': [1.52, 1.61] },
};

const failure = z.object({
  item_id: z.string(),
  channel: z.string().nullable().describe('Null where the item as a whole failed.'),
  code: z.string(),
  message: z.string(),
});

export const forecastExample = forecastView.meta({ examples: [forecast] });
export const forecastAnswer = z
  .object({
    forecasts: z.array(forecastView),
    failures: z
      .array(failure)
      .optional()
      .describe('Series that have no forecast, and why; absent when there are none.'),
  })
  .meta({ examples: [{ forecasts: [forecast] }] });
export type ForecastAnswer = z.output<typeof forecastAnswer>;

export const latestAnswer = z
  .object({ forecasts: z.array(forecastView) })
  .meta({ examples: [{ forecasts: [forecast] }] });
export type LatestAnswer = z.output<typeof latestAnswer>;

export const replayAnswer = z
  .object({
    forecast_id: z.string(),
    reproduced: z.boolean().describe('Whether no number is further from the stored one than the tolerance.'),
    largest_difference: z.number().describe('Of a mean or quantile from the stored one, in the units of the series.'),
    tolerance: z
      .number()
      .describe(
        '1e-4 of the range that the stored quantiles span where a network went in, and 1e-9 of their magnitude.',
      ),
    differences: z
      .array(
        z.object({
          part: z.enum([
            'window',
            'channels',
            'model',
            'model-version',
            'provider',
            'models',
            'weights',
            'calibration',
            'champion',
          ]),
          message: z.string(),
        }),
      )
      .describe('What is not as it was when the forecast was made; empty where everything is.'),
    model: z.string(),
    provider: z.string(),
    ts: z.array(z.string()).describe('Time of each step.'),
    levels: z.array(z.number()),
    mean: z.array(z.number()).describe('What it is now: one value a step.'),
    quantiles: z.record(z.string(), z.array(z.number())).describe('By level: one value a step.'),
  })
  .meta({
    examples: [
      {
        forecast_id: forecast.forecast_id,
        reproduced: true,
        largest_difference: 0,
        tolerance: 0.0000451,
        differences: [],
        model: forecast.model,
        provider: forecast.provider,
        ts: forecast.ts,
        levels: forecast.levels,
        mean: forecast.mean,
        quantiles: forecast.quantiles,
      },
    ],
  });
export type ReplayAnswer = z.output<typeof replayAnswer>;
