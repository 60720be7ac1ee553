import type { Env } from '@app/config';
import { InferenceWorker, ModelRegistry, availableCpus, type LoadedModel, type RefusedModel } from '@app/inference';
import { PlatformError, messageOf, type Logger } from '@app/observability';
import { AutoForecaster, type NeuralForecaster } from './auto.js';
import { BASELINES } from './best-baseline.js';
import { describeBaseline, describeLoaded, describeRefused } from './describe-model.js';
import type { Forecaster, ModelDescription } from './forecaster.js';
import { StatisticalForecaster, baselinePool } from './statistical.js';
import { sMambaForecaster } from './s-mamba.js';
import { timeMoeForecaster } from './time-moe.js';
import { tsMixerForecaster } from './tsmixer.js';
import { ttmForecaster } from './ttm.js';

/** Threads for baselines, most: each is a copy of the WASM modules. */
const MOST_BASELINE_THREADS = 4;
/** The package that `auto` uses. */
const DEFAULT_PACKAGE = 'ttm/base';

/** Neural families, by the first half of a package's name. */
const FAMILIES: Readonly<Record<string, (model: LoadedModel) => NeuralForecaster>> = {
  ttm: ttmForecaster,
  tsmixer: tsMixerForecaster,
  // The name under which the official checkpoints go.
  patchtsmixer: tsMixerForecaster,
  's-mamba': sMambaForecaster,
  'time-moe': timeMoeForecaster,
};

export interface CatalogueOptions {
  readonly env: Pick<Env, 'MODELS_DIR' | 'PROVIDER' | 'PROVIDER_STRICT' | 'INFERENCE_THREADS'>;
  readonly logger: Logger;
}

/** All models that this process can forecast with, by name. Owns their threads: `close` it. */
export class ForecasterCatalogue {
  private constructor(
    private readonly forecasters: ReadonlyMap<string, Forecaster>,
    private readonly descriptions: readonly ModelDescription[],
    private readonly closables: readonly { close(): Promise<void> }[],
  ) {}

  /**
   * Loads what there is in `MODELS_DIR`. A package that is not as its manifest says is refused and described as such;
   * the others serve, and so do the baselines.
   *
   * @throws PlatformError CONFIG_INVALID under `PROVIDER_STRICT` when a model would run on another provider.
   */
  static async load({ env, logger }: CatalogueOptions): Promise<ForecasterCatalogue> {
    const threads = Math.min(Math.max(1, Math.floor(availableCpus()) - 1), MOST_BASELINE_THREADS);
    const pool = baselinePool(threads, logger);
    const worker = new InferenceWorker({ logger });
    try {
      const registry = await ModelRegistry.load({ env, worker, logger });
      const { networks, descriptions, refused } = await assemble(registry, worker, logger);
      const baselines = BASELINES.map((name) => new StatisticalForecaster(name, name, pool));
      const auto = new AutoForecaster({
        neural: networks.get(DEFAULT_PACKAGE),
        missing: missingDefault(env.MODELS_DIR, refused),
        baseline: new StatisticalForecaster('best-baseline', 'best', pool),
      });
      const forecasters = new Map<string, Forecaster>([
        ['auto', auto],
        ...aliases(networks),
        ...networks,
        ...baselines.map((baseline) => [baseline.name, baseline] as const),
      ]);
      return new ForecasterCatalogue(
        forecasters,
        [...descriptions, ...BASELINES.map(describeBaseline)],
        [worker, pool],
      );
    } catch (error) {
      await Promise.all([worker.close(), pool.close()]);
      throw error;
    }
  }

  /**
   * The forecaster of that name: `auto`, a baseline, a package (`ttm/base`) or its family (`ttm`).
   *
   * @throws PlatformError MODEL_NOT_FOUND listing what there is, or why a package is not among it.
   */
  resolve(model: string): Forecaster {
    const forecaster = this.forecasters.get(model);
    if (forecaster) return forecaster;
    const refused = this.descriptions.find(
      ({ name, family, state }) => state === 'refused' && (name === model || family === model),
    );
    const why = refused ? `model "${model}" is refused: ${refused.reason}` : `there is no model "${model}"`;
    const names = [...this.forecasters.keys()].join(', ');
    throw new PlatformError('MODEL_NOT_FOUND', `${why}; there are ${names}`, { model });
  }

  /** Every model, refused ones too, for `GET /models`. */
  describe(): ModelDescription[] {
    return [...this.descriptions];
  }

  /** Finishes what runs, refuses what waits and ends the threads. */
  async close(): Promise<void> {
    await Promise.all(this.closables.map((closable) => closable.close()));
  }
}

/** Turns packages into forecasters; one whose family or signature is unknown joins the refused. */
async function assemble(registry: ModelRegistry, worker: InferenceWorker, logger: Logger) {
  const networks = new Map<string, NeuralForecaster>();
  const refused: RefusedModel[] = [...registry.refused];
  const descriptions: ModelDescription[] = [];
  for (const model of registry.loaded) {
    try {
      networks.set(model.name, build(model));
      descriptions.push(describeLoaded(model));
    } catch (error) {
      await worker.release(model.name);
      refused.push({ name: model.name, reason: messageOf(error), manifest: model.manifest });
      logger.error({ model: model.name, reason: messageOf(error) }, 'a model package is refused');
    }
  }
  return { networks, refused, descriptions: [...descriptions, ...refused.map(describeRefused)] };
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
