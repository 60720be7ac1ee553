import type { Forecaster, ModelDescription } from '@app/forecasters';

/** Injection token of the loaded models. */
export const MODEL_CATALOGUE = Symbol('MODEL_CATALOGUE');

/** What the forecaster role needs of `ForecasterCatalogue`. */
export interface ModelCatalogue {
  /** @throws PlatformError MODEL_NOT_FOUND naming what there is. */
  resolve(model: string): Forecaster;
  describe(): ModelDescription[] | Promise<ModelDescription[]>;
  close(): Promise<void>;
}
