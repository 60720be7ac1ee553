import { availableCpus, type WorkerPool } from '@app/inference';
import type { Env } from '@app/config';
import { PlatformError, type Logger } from '@app/observability';
import { AutoForecaster } from './auto.js';
import { BASELINES } from './best-baseline.js';
import type { Forecaster, ModelDescription } from './forecaster.js';
import { StatisticalForecaster, baselinePool } from './statistical.js';

/** Threads for baselines, most: each is a copy of the WASM modules. */
const MOST_BASELINE_THREADS = 4;

export interface CatalogueOptions {
  readonly env: Pick<Env, 'MODELS_DIR' | 'PROVIDER' | 'PROVIDER_STRICT' | 'INFERENCE_THREADS'>;
  readonly logger: Logger;
}

/** All models that this process can forecast with, by name. Owns their threads: `close` it. */
export class ForecasterCatalogue {
  readonly #forecasters: ReadonlyMap<string, Forecaster>;

  private constructor(private readonly pool: WorkerPool) {
    const baselines = BASELINES.map((name) => new StatisticalForecaster(name, name, pool));
    const auto = new AutoForecaster({ baseline: new StatisticalForecaster('best-baseline', 'best', pool) });
    this.#forecasters = new Map([auto, ...baselines].map((forecaster) => [forecaster.name, forecaster]));
  }

  /**
   * Loads what there is in `MODELS_DIR`. A package that is not as its manifest says is refused and described as such;
   * the others serve.
   *
   * @throws PlatformError CONFIG_INVALID under `PROVIDER_STRICT` when a model would run on another provider.
   */
  static async load({ logger }: CatalogueOptions): Promise<ForecasterCatalogue> {
    const threads = Math.min(Math.max(1, Math.floor(availableCpus()) - 1), MOST_BASELINE_THREADS);
    return new ForecasterCatalogue(baselinePool(threads, logger));
  }

  /**
   * The forecaster of that name: `auto`, a baseline, a package (`ttm/base`) or its family (`ttm`).
   *
   * @throws PlatformError MODEL_NOT_FOUND listing what there is.
   */
  resolve(model: string): Forecaster {
    const forecaster = this.#forecasters.get(model);
    if (forecaster) return forecaster;
    const names = [...this.#forecasters.keys()];
    throw new PlatformError('MODEL_NOT_FOUND', `there is no model "${model}"; there are ${names.join(', ')}`, {
      model,
    });
  }

  /** Every model, refused ones too, for `GET /models`. */
  describe(): ModelDescription[] {
    return BASELINES.map((name) => ({ name, family: name, kind: 'baseline', state: 'ready', provider: 'js' }));
  }

  /** Finishes what runs, refuses what waits and ends the threads. */
  async close(): Promise<void> {
    await this.pool.close();
  }
}
