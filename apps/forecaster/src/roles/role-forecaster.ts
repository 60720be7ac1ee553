import type { Forecaster } from '@app/forecasters';
import { PlatformError, messageOf } from '@app/observability';
import type { ContextWindow, ModelQuantiles, QuantileForecast } from '@app/series';

import { forecastEach } from '../forecast-each.js';
import type { Rival, RolePlan } from './role-plan.js';

/** What a forecast remembers of the roles on its series, in `parts.roles`, by model. */
export type RoleParts = Readonly<Record<string, { role: Rival['role']; by: string; outside?: true; failed?: string }>>;

export interface RoleOptions {
  /** What was asked for. */
  readonly base: Forecaster;
  readonly plans: ReadonlyMap<ContextWindow, RolePlan>;
  /** Whether a champion is served instead of what the base says: not where a model was asked for by name. */
  readonly mayServe: boolean;
  /** @throws PlatformError MODEL_NOT_FOUND. */
  readonly resolve: (model: string) => Forecaster;
  /** A rival gave no forecast. */
  readonly onFailure: (rival: string, reason: string, windows: number) => void;
}

/**
 * The base, and the rivals on the same windows: the champion's forecast is served in the base's stead, all others go along
 * as shadows. A rival that fails takes nothing with it: the base is served then.
 */
export class RoleForecaster implements Forecaster {
  readonly name: string;

  constructor(private readonly options: RoleOptions) {
    this.name = options.base.name;
  }

  get together() {
    return this.options.base.together ?? this.#models.map((model) => this.#find(model)?.together).find(Boolean);
  }

  async forecast(
    windows: readonly ContextWindow[],
    horizon: number,
    beside: readonly ContextWindow[] = [],
  ): Promise<QuantileForecast[]> {
    const { base } = this.options;
    const [own, ...rivals] = await Promise.all([
      base.forecast(windows, horizon, base.together ? beside : []),
      ...this.#models.map((model) => this.#opinions(model, windows, horizon, beside)),
    ]);
    return windows.map((window, i) => {
      const plan = this.options.plans.get(window);
      if (!plan || plan.rivals.length === 0) return own[i]!;
      const said = new Map(this.#models.map((model, at) => [model, rivals[at]!.get(window)]));
      return put(own[i]!, plan, said, this.options.mayServe);
    });
  }

  get #models(): string[] {
    return [...new Set([...this.options.plans.values()].flatMap(({ rivals }) => rivals.map(({ model }) => model)))];
  }

  #find(model: string): Forecaster | undefined {
    try {
      return this.options.resolve(model);
    } catch {
      // Told when it is asked for a forecast.
      return undefined;
    }
  }

  /** What a rival says of the windows that it is on, or why it says nothing. */
  async #opinions(
    model: string,
    windows: readonly ContextWindow[],
    horizon: number,
    beside: readonly ContextWindow[],
  ): Promise<Map<ContextWindow, QuantileForecast | string>> {
    const { plans, resolve, onFailure } = this.options;
    const own = windows.filter((window) => plans.get(window)?.rivals.some((rival) => rival.model === model));
    let answers: readonly (QuantileForecast | PlatformError)[];
    try {
      const rival = resolve(model);
      const others = windows.filter((window) => !own.includes(window));
      answers = await forecastEach(rival, own, horizon, rival.together ? [...beside, ...others] : []);
    } catch (error) {
      const failure = error instanceof PlatformError ? error : new PlatformError('INFERENCE_FAILED', messageOf(error));
      answers = own.map(() => failure);
    }
    const failed = answers.filter((answer) => answer instanceof PlatformError);
    if (failed.length > 0) onFailure(model, failed[0]!.message, failed.length);
    return new Map(
      own.map((window, i) => {
        const answer = answers[i]!;
        return [window, answer instanceof PlatformError ? answer.message : answer];
      }),
    );
  }
}

/** The forecast of one window out of what the base and the rivals said. */
function put(
  base: QuantileForecast,
  { rivals, serves }: RolePlan,
  said: ReadonlyMap<string, QuantileForecast | string | undefined>,
  mayServe: boolean,
): QuantileForecast {
  const opinion = mayServe && serves ? said.get(serves.model) : undefined;
  const served = typeof opinion === 'object' && opinion.status !== 'short-context' ? opinion : base;
  const parts = new Set([base.model, ...(base.shadows ?? []).map(({ model }) => model)]);
  const others = [base, ...rivals.map(({ model }) => said.get(model))].filter((one) => typeof one === 'object');
  const shadows = new Map<string, ModelQuantiles>();
  for (const { model, modelSha256, quantiles } of [...(base.shadows ?? []), ...others]) {
    if (model !== served.model && !shadows.has(model)) shadows.set(model, { model, modelSha256, quantiles });
  }
  const roles: RoleParts = Object.fromEntries(
    rivals.map(({ model, role, by }) => {
      const answer = said.get(model);
      return [
        model,
        {
          role,
          by,
          ...(parts.has(model) ? {} : { outside: true as const }),
          ...(typeof answer === 'string' ? { failed: answer } : {}),
        },
      ];
    }),
  );
  return { ...served, parts: { ...served.parts, roles }, shadows: [...shadows.values()] };
}
