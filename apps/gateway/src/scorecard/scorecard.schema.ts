import { z } from 'zod';

const day = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d$/, 'write a day such as 2026-01-31')
  .refine((text) => !Number.isNaN(Date.parse(text)), 'is no day of the calendar');

/** Query of `GET /scorecard`. */
export const scorecardQuery = z.strictObject({
  item_id: z.string().min(1),
  channel: z.string().min(1).optional().describe('Only this channel; all of the item when absent.'),
  model: z.string().min(1).optional().describe('Only this model.'),
  from: day.optional().describe('First day, by the time of the actual in UTC; 30 days before the last when absent.'),
  to: day.optional().describe('Last day, included; today when absent.'),
});
export type ScorecardQuery = z.output<typeof scorecardQuery>;

const ratio = z.number().nullable();

/** How one model did on one channel. */
export const scoreView = z.object({
  channel: z.string(),
  model: z.string().describe('`aggregate` is what `auto` serves; the models behind it are scored as its shadows.'),
  lead_bucket: z.int().nullable().describe('First step of the bucket 1, 2–3, 4–7, 8–15, …; null: all together.'),
  points: z.int().describe('Steps of forecasts whose actual has arrived.'),
  wql: ratio.describe('Weighted quantile loss: mean over the levels .1 – .9 of 2·Σ pinball / Σ|actual|.'),
  mase: ratio.describe('Absolute error of the median by that of seasonal naive inside the context.'),
  mae: z.number(),
  coverage_80: z.number().describe('Share of the actuals inside the 80 % interval.'),
  coverage_95: z.number(),
  width_80: z.number().describe('Mean width of the 80 % interval, in the unit of the series.'),
  width_95: z.number(),
});
export type ScoreView = z.output<typeof scoreView>;

/** What is served on a channel instead of, or again as, the aggregate, and why. */
export const championView = z.object({
  channel: z.string(),
  champion: z.string(),
  replaced: z.string(),
  reason: z.string(),
  decided_at: z.string(),
});
export type ChampionView = z.output<typeof championView>;

const example = {
  item_id: 'pump-7',
  from: '2026-01-01',
  to: '2026-01-30',
  scores: [
    {
      channel: 'flow',
      model: 'aggregate',
      lead_bucket: null,
      points: 2304,
      wql: 0.041,
      mase: 0.72,
      mae: 0.31,
      coverage_80: 0.803,
      coverage_95: 0.951,
      width_80: 1.1,
      width_95: 1.9,
    },
  ],
  champions: [
    {
      channel: 'flow',
      champion: 'seasonal-naive',
      replaced: 'aggregate',
      reason: 'aggregate loses to seasonal-naive by 3.1 % over 168 points in 7 blocks (2.2 standard errors)',
      decided_at: '2026-01-30T06:00:00.000Z',
    },
  ],
};

export const scorecardView = z
  .object({
    item_id: z.string(),
    from: z.string(),
    to: z.string(),
    scores: z.array(scoreView),
    champions: z.array(championView).describe('Newest change of each channel first; empty where nothing ever changed.'),
  })
  .meta({ examples: [example] });
export type ScorecardView = z.output<typeof scorecardView>;
