import { AGGREGATE, AggregateForecaster, type Forecaster, type SeriesKnowledge } from '@app/forecasters';
import { SkillRepository, type StoredSkill } from '@app/persistence';
import type { ContextWindow } from '@app/series';
import type { AggregationWeights, Calibration } from '@app/uncertainty';
import type { EntityManager } from 'typeorm';

import type { SeriesContext } from '../series-context.js';

/**
 * The forecaster, told what the scorecard has taught about each of the series: only the aggregate can make use of it.
 *
 * @param asOf what was known then.
 */
export async function informed(
  forecaster: Forecaster,
  contexts: readonly SeriesContext[],
  skills: SkillRepository,
  asOf?: Date,
  manager?: EntityManager,
): Promise<Forecaster> {
  if (!(forecaster instanceof AggregateForecaster)) return forecaster;
  const stored = contexts.filter(({ seriesId }) => seriesId !== null);
  const loaded = await skills.load(
    stored.map(({ seriesId }) => seriesId!),
    asOf,
    manager,
  );
  const known = new Map<ContextWindow, SeriesKnowledge>();
  stored.forEach(({ window }, i) => known.set(window, knowledgeOf(loaded[i]!)));
  return {
    name: forecaster.name,
    ...(forecaster.together && { together: forecaster.together }),
    forecast: (windows, horizon, beside) =>
      forecaster.forecast(
        windows,
        horizon,
        beside,
        windows.map((window) => known.get(window)),
      ),
  };
}

function knowledgeOf({ weights, calibration, champion }: StoredSkill): SeriesKnowledge {
  return {
    ...(weights && { weights: { version: weights.version, weights: weights.value as AggregationWeights } }),
    ...(calibration && {
      calibration: { version: calibration.version, buckets: calibration.value as Record<string, Calibration> },
    }),
    // The aggregate again: that is what is served anyway.
    ...(champion &&
      champion.champion !== AGGREGATE && {
        champion: { version: champion.version, model: champion.champion, reason: champion.reason },
      }),
  };
}
