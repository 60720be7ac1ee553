import { PlatformError } from '@app/observability';
import type { ForecastClient } from '../../../forecaster/src/forecast-client.js';

/**
 * Refuses the name of a model that there is not: now, and not in each forecast that would be made with it. A package that is
 * refused today may be mended by then, so it passes.
 *
 * @param model `auto`, a name of `GET /models`, or a family.
 * @throws PlatformError MODEL_NOT_FOUND listing what there is; FORECASTER_UNAVAILABLE.
 */
export async function requireModel(forecaster: Pick<ForecastClient, 'models'>, model: string): Promise<void> {
  if (model === 'auto') return;
  const models = await forecaster.models();
  if (models.some(({ name, family }) => name === model || family === model)) return;
  const names = ['auto', ...models.map(({ name }) => name)].join(', ');
  throw new PlatformError('MODEL_NOT_FOUND', `there is no model "${model}"; there are ${names}`, { model });
}
