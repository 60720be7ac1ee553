import { AGGREGATE, AggregateForecaster, type Forecaster, type SeriesKnowledge, type Together } from '@app/forecasters';
import { LOGGER, type Logger } from '@app/observability';
import { ModelRoleRepository, SkillRepository, type RoleOnSeries, type StoredSkill } from '@app/persistence';
import type { ContextWindow, QuantileForecast } from '@app/series';
import type { AggregationWeights, Calibration } from '@app/uncertainty';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { MODEL_CATALOGUE, type ModelCatalogue } from '../model-catalogue.js';
import type { SeriesContext } from '../series-context.js';
import { RoleForecaster } from './role-forecaster.js';
import { planRoles, type RolePlan } from './role-plan.js';

/** Who forecasts the contexts of one call. */
export interface Serving {
  readonly forecaster: Forecaster;
  /** Which channels of an item the model behind a forecast saw together. */
  readonly togetherOf: (forecast: QuantileForecast) => Together | undefined;
}

/** What leaves the choice to us. */
const AUTO = 'auto';

/**
 * Finds out who serves: what was asked for, told what the scorecard has taught about each series, and the models that have
 * a role on it. Series that came with the command have neither.
 */
@Injectable()
export class ServingService {
  constructor(
    private readonly skills: SkillRepository,
    private readonly roles: ModelRoleRepository,
    @Inject(MODEL_CATALOGUE) private readonly models: ModelCatalogue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * @param asOf roles, weights and calibrations as they were then.
   * @throws PlatformError MODEL_NOT_FOUND.
   */
  async on(contexts: readonly SeriesContext[], model: string, asOf?: Date, manager?: EntityManager): Promise<Serving> {
    const asked = this.models.resolve(model);
    const stored = contexts.filter(({ seriesId }) => seriesId !== null);
    const seriesIds = stored.map(({ seriesId }) => seriesId!);
    const mayServe = model === AUTO;
    const roles = await this.roles.match(seriesIds, asOf, manager);
    const groups = stored.map(({ window }) => window.freq.toString());
    const skills = mayServe ? await this.skills.load(seriesIds, asOf, manager, groups) : [];
    const bySeries = new Map<number, RoleOnSeries[]>();
    for (const role of roles) bySeries.set(role.seriesId, [...(bySeries.get(role.seriesId) ?? []), role]);
    const plans = new Map<ContextWindow, RolePlan>();
    const known = new Map<ContextWindow, SeriesKnowledge>();
    stored.forEach(({ window, seriesId }, i) => {
      const plan = planRoles(bySeries.get(seriesId!) ?? [], skills[i]?.champion);
      plans.set(window, plan);
      if (skills[i]) known.set(window, knowledgeOf(skills[i], plan));
    });
    const base = informed(asked, known);
    if (roles.length === 0) return { forecaster: base, togetherOf: () => base.together };

    const resolve = (name: string) => this.models.resolve(name);
    const onFailure = (rival: string, reason: string, windows: number) =>
      this.logger.warn({ model: rival, reason, windows }, `${rival} has a role and gives no forecast: ${reason}`);
    return {
      forecaster: new RoleForecaster({ base, plans, mayServe, resolve, onFailure }),
      togetherOf: ({ model: made, parts }) =>
        made in ((parts.roles as object | undefined) ?? {}) && !('aggregation' in parts)
          ? resolve(made).together
          : base.together,
    };
  }
}

/** The forecaster, told what is known of each series: only the aggregate can make use of it. */
function informed(forecaster: Forecaster, known: ReadonlyMap<ContextWindow, SeriesKnowledge>): Forecaster {
  if (!(forecaster instanceof AggregateForecaster)) return forecaster;
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

function knowledgeOf({ weights, group, calibration }: StoredSkill, { guard }: RolePlan): SeriesKnowledge {
  return {
    ...(weights && { weights: { version: weights.version, weights: weights.value as AggregationWeights } }),
    ...(group && { group: { version: group.version, weights: group.value as AggregationWeights } }),
    ...(calibration && {
      calibration: { version: calibration.version, buckets: calibration.value as Record<string, Calibration> },
    }),
    // The aggregate again: that is what is served anyway.
    ...(guard &&
      guard.champion !== AGGREGATE && {
        champion: { version: guard.version, model: guard.champion, reason: guard.reason },
      }),
  };
}
