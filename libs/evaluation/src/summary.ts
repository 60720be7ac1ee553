import type { ForecastScores } from './metrics.js';

/** Scores by set, then by model. */
export type ScoreTable = Readonly<Record<string, Readonly<Record<string, ForecastScores>>>>;

const RELATIVE = ['WQL', 'scaledWQL', 'MASE'] as const;
type Relative = Record<(typeof RELATIVE)[number], number>;

/** What the evaluation says in one object: see docs/evaluation.md. */
export interface EvaluationSummary {
  /** Geometric mean over the sets of the ratio to the reference. */
  readonly relative: Record<string, Relative>;
  /** Sets on which WQL or MASE is above the reference's. */
  readonly worse_than_seasonal_naive: Record<string, string[]>;
  /** Mean over the sets of the share inside the interval. */
  readonly coverage: Record<string, { 80: number; 95: number }>;
}

/** Summarises a table of scores relative to `reference`, which every set must have. */
export function summarise(table: ScoreTable, reference = 'seasonal-naive'): EvaluationSummary {
  const sets = Object.keys(table);
  const models = Object.keys(table[sets[0]!] ?? {});
  const perModel = <T>(compute: (model: string) => T) =>
    Object.fromEntries(models.map((model) => [model, compute(model)])) as Record<string, T>;
  const ratio = (set: string, model: string, metric: (typeof RELATIVE)[number]) =>
    table[set]![model]![metric] / table[set]![reference]![metric];

  return {
    relative: perModel(
      (model) =>
        Object.fromEntries(
          RELATIVE.map((metric) => [metric, geometricMean(sets.map((set) => ratio(set, model, metric)))]),
        ) as Relative,
    ),
    worse_than_seasonal_naive: perModel((model) =>
      sets.filter((set) => ratio(set, model, 'WQL') > 1 || ratio(set, model, 'MASE') > 1),
    ),
    coverage: perModel((model) => ({
      80: mean(sets.map((set) => table[set]![model]!.coverage[80])),
      95: mean(sets.map((set) => table[set]![model]!.coverage[95])),
    })),
  };
}

/** The geometric mean of the ratios that are defined: a set without a scale has none. */
function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.filter((value) => Number.isFinite(value) && value > 0).map(Math.log)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
