import type { Env } from '@app/config';
import {
  ModelRegistry,
  availableCpus,
  inferenceWorkers,
  type InferenceEnv,
  type InferenceWorker,
  type LoadedModel,
  type RefusedModel,
  type WorkerPool,
} from '@app/inference';
import { PlatformError, type Logger } from '@app/observability';
import { AggregateForecaster } from './aggregate.js';
import { AutoForecaster, type NeuralForecaster } from './auto.js';
import { BASELINES } from './best-baseline.js';
import { describeBaseline, describePackage } from './describe-model.js';
import type { Forecaster, ModelDescription } from './forecaster.js';
import { StatisticalForecaster, baselinePool } from './statistical.js';
import { sMambaForecaster } from './s-mamba.js';
import { timeMoeForecaster } from './time-moe.js';
import { RecentForecaster } from './recent-forecaster.js';
import { tsMixerForecaster } from './tsmixer.js';
import { ttmForecaster } from './ttm.js';

/** Threads for baselines, most: each is a copy of the WASM modules. */
const MOST_BASELINE_THREADS = 4;
/** The package that `auto` uses where it is to use one only. */
const DEFAULT_PACKAGE = 'ttm/base';
/** Points that one network is shown besides the whole window, in case what came before misleads. */
const RECENT = [256, 128];
/** How the packages end that are made for any series. */
const GENERAL = '/base';

/** Neural families, by the first half of a package's name. */
const FAMILIES: Readonly<Record<string, (model: LoadedModel) => NeuralForecaster>> = {
  ttm: ttmForecaster,
  tsmixer: tsMixerForecaster,
  // The name under which the official checkpoints go.
  patchtsmixer: tsMixerForecaster,
  's-mamba': sMambaForecaster,
  'time-moe': timeMoeForecaster,
};

type CatalogueEnv = InferenceEnv & Pick<Partial<Env>, 'AUTO_MODE'>;

export interface CatalogueOptions {
  readonly env: CatalogueEnv;
  readonly logger: Logger;
}

/** All models that this process can forecast with, by name. Owns their workers: `close` it. */
export class ForecasterCatalogue {
  #forecasters: ReadonlyMap<string, Forecaster> = new Map();

  private constructor(
    private readonly registry: ModelRegistry,
    private readonly pool: WorkerPool,
    private readonly worker: InferenceWorker,
    private readonly env: CatalogueEnv,
  ) {
    this.#assemble();
    registry.onEvent(() => this.#assemble());
  }

  /**
   * Loads what there is in `MODELS_DIR` and `MODELS_EXTRA_DIR`. A package that is not as its manifest says is refused and
   * described as such; the others serve, and so do the baselines.
   *
   * @throws PlatformError CONFIG_INVALID under `PROVIDER_STRICT` when a model would run on another provider.
   */
  static async load({ env, logger }: CatalogueOptions): Promise<ForecasterCatalogue> {
    const threads = Math.min(Math.max(1, Math.floor(availableCpus()) - 1), MOST_BASELINE_THREADS);
    const pool = baselinePool(threads, logger);
    const worker = inferenceWorkers(env, logger);
    try {
      const registry = await ModelRegistry.load({ env, worker, logger, accept: (model) => void build(model) });
      return new ForecasterCatalogue(registry, pool, worker, env);
    } catch (error) {
      await Promise.all([worker.close(), pool.close()]);
      throw error;
    }
  }

  /** The packages behind the networks: to look for new ones, to load and unload them, and to hear what becomes of them. */
  get packages(): ModelRegistry {
    return this.registry;
  }

  /**
   * The forecaster of that name: `auto`, a baseline, a package (`ttm/base`) or its family (`ttm`).
   *
   * @throws PlatformError MODEL_NOT_FOUND listing what there is, or why a package is not among it.
   */
  resolve(model: string): Forecaster {
    const forecaster = this.#forecasters.get(model);
    if (forecaster) return forecaster;
    const refused = this.describe().find(
      ({ name, family, state }) => state === 'refused' && (name === model || family === model),
    );
    const why = refused ? `model "${model}" is refused: ${refused.reason}` : `there is no model "${model}"`;
    const names = [...this.#forecasters.keys()].join(', ');
    throw new PlatformError('MODEL_NOT_FOUND', `${why}; there are ${names}`, { model });
  }

  /** Every model, refused ones too, for `GET /models`. */
  describe(): ModelDescription[] {
    return [...this.registry.status().map(describePackage), ...BASELINES.map(describeBaseline)];
  }

  /** Finishes what runs, refuses what waits and ends the workers. */
  async close(): Promise<void> {
    await Promise.all([this.worker.close(), this.pool.close()]);
  }

  /** The networks that were made for any series; those of one item are asked for by name. */
  #aggregate(
    networks: ReadonlyMap<string, NeuralForecaster>,
    baselines: readonly Forecaster[],
    otherwise: Forecaster,
  ): Forecaster {
    const general = [...networks.values()].filter(({ name }) => name.endsWith(GENERAL));
    if (general.length === 0) return otherwise;
    const baseline = (name: (typeof BASELINES)[number]) => baselines[BASELINES.indexOf(name)]!;
    return new AggregateForecaster({
      networks: general,
      recent: RECENT.map((points) => new RecentForecaster(networks.get(DEFAULT_PACKAGE) ?? general[0]!, points)),
      naive: baseline('seasonal-naive'),
      seasonal: baseline('mstl'),
      plain: baseline('ets'),
      otherwise,
      ...(networks.has(DEFAULT_PACKAGE) ? {} : { missing: missingDefault(this.env.MODELS_DIR, this.registry.refused) }),
    });
  }

  /** Whoever has a forecaster of the old set finishes with it. */
  #assemble(): void {
    const networks = new Map(this.registry.loaded.map((model) => [model.name, build(model)] as const));
    const baselines = BASELINES.map((name) => new StatisticalForecaster(name, name, this.pool));
    const single = new AutoForecaster({
      neural: networks.get(DEFAULT_PACKAGE),
      missing: missingDefault(this.env.MODELS_DIR, this.registry.refused),
      baseline: new StatisticalForecaster('best-baseline', 'best', this.pool),
    });
    const auto = this.env.AUTO_MODE === 'single' ? single : this.#aggregate(networks, baselines, single);
    this.#forecasters = new Map<string, Forecaster>([
      ['auto', auto],
      ...aliases(networks),
      ...networks,
      ...baselines.map((baseline) => [baseline.name, baseline] as const),
    ]);
  }
}

function build(model: LoadedModel): NeuralForecaster {
  const make = FAMILIES[model.manifest.family];
  if (make) return make(model);
  const families = Object.keys(FAMILIES).join(', ');
  const message = `model package ${model.name}: family ${model.manifest.family} is unknown; known: ${families}`;
  throw new PlatformError('MODEL_INVALID', message, { model: model.name });
}

/** `ttm` means `ttm/base`, or the family's first package where there is none of that name. */
function aliases(networks: ReadonlyMap<string, NeuralForecaster>): [string, Forecaster][] {
  const families = new Map<string, Forecaster>();
  for (const [name, network] of networks) {
    const [family = name, own] = name.split('/');
    if (own === 'base' || !families.has(family)) families.set(family, network);
  }
  return [...families];
}

function missingDefault(folder: string, refused: readonly RefusedModel[]): Record<string, string> {
  const reason = refused.find(({ name }) => name === DEFAULT_PACKAGE)?.reason;
  return { [DEFAULT_PACKAGE]: reason === undefined ? `not in ${folder}` : `refused: ${reason}` };
}
