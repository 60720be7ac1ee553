import type { Forecaster, ModelDescription } from '@app/forecasters';
import type { ModelRegistry } from '@app/inference';

/** Injection token of the loaded models. */
export const MODEL_CATALOGUE = Symbol('MODEL_CATALOGUE');

/** What the forecaster role needs of `ForecasterCatalogue`. */
export interface ModelCatalogue {
  /** @throws PlatformError MODEL_NOT_FOUND naming what there is. */
  resolve(model: string): Forecaster;
  /** The packages behind it; none where forecasters come from elsewhere. */
  readonly packages?: Pick<ModelRegistry, 'scan' | 'bring' | 'unload' | 'events' | 'onEvent'>;
  describe(): ModelDescription[] | Promise<ModelDescription[]>;
  close(): Promise<void>;
}
