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
  /** As `relative`, to the seasonal naive that serves. */
  readonly relative_to_served_seasonal_naive: Record<string, Relative>;
}

/** Models of the table, which every set must have, to which the others are compared. */
export interface Yardsticks {
  /** That of published tables. */
  readonly reference: string;
  /** The seasonal naive that serves. */
  readonly served: string;
}

/** Summarises a table of scores relative to two of its models. */
export function summarise(table: ScoreTable, { reference, served }: Yardsticks): EvaluationSummary {
  const sets = Object.keys(table);
  const models = Object.keys(table[sets[0]!] ?? {});
  const perModel = <T>(compute: (model: string) => T) =>
    Object.fromEntries(models.map((model) => [model, compute(model)])) as Record<string, T>;
  const ratio = (set: string, model: string, metric: (typeof RELATIVE)[number], to: string) =>
    table[set]![model]![metric] / table[set]![to]![metric];
  const relativeTo = (to: string) =>
    perModel(
      (model) =>
        Object.fromEntries(
          RELATIVE.map((metric) => [metric, geometricMean(sets.map((set) => ratio(set, model, metric, to)))]),
        ) as Relative,
    );

  return {
    relative: relativeTo(reference),
    worse_than_seasonal_naive: perModel((model) =>
      sets.filter((set) => ratio(set, model, 'WQL', reference) > 1 || ratio(set, model, 'MASE', reference) > 1),
    ),
    coverage: perModel((model) => ({
      80: mean(sets.map((set) => table[set]![model]!.coverage[80])),
      95: mean(sets.map((set) => table[set]![model]!.coverage[95])),
    })),
    relative_to_served_seasonal_naive: relativeTo(served),
  };
}

/** The geometric mean of the ratios that are defined: a set without a scale has none. */
function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.filter((value) => Number.isFinite(value) && value > 0).map(Math.log)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
