import { withRunOptions } from '@app/inference';
import { currentSignal } from '@app/server';
import { Inject, Injectable } from '@nestjs/common';

import type {
  ForecastClient,
  ForecastCommand,
  ForecastOutcome,
  HierarchyCommand,
  HierarchyOutcome,
  ModelCommand,
  ModelDescription,
  ReplayOutcome,
} from './forecast-client.js';
import { ForecastService } from './forecast.service.js';
import { HierarchyService } from './hierarchy/hierarchy.service.js';
import { MODEL_CATALOGUE, type ModelCatalogue } from './model-catalogue.js';
import { ModelKeeper } from './model-keeper.js';
import { ReplayService } from './replay/replay.service.js';

/** How long an asker waits at most, a little less than `HttpForecastClient` does. */
const PATIENCE_MS = 55_000;

/** The port where asker and forecaster live in one process. */
@Injectable()
export class LocalForecastClient implements ForecastClient {
  constructor(
    private readonly service: ForecastService,
    private readonly replays: ReplayService,
    private readonly hierarchies: HierarchyService,
    private readonly keeper: ModelKeeper,
    @Inject(MODEL_CATALOGUE) private readonly catalogue: ModelCatalogue,
  ) {}

  forecast(command: ForecastCommand): Promise<ForecastOutcome> {
    return somebodyWaits((now) => this.service.forecast(command, now));
  }

  replay(forecastId: string): Promise<ReplayOutcome> {
    return somebodyWaits(() => this.replays.replay(forecastId));
  }

  reconcile(command: HierarchyCommand): Promise<HierarchyOutcome> {
    return somebodyWaits((now) => this.hierarchies.reconcile(command, now));
  }

  async manageModels(command: ModelCommand): Promise<ModelDescription[]> {
    await this.keeper.manage(command);
    return this.models();
  }

  async models(): Promise<ModelDescription[]> {
    return this.catalogue.describe();
  }
}

/** Goes before scheduled work, and is dropped when the asker hangs up or would not wait any longer. */
function somebodyWaits<T>(work: (now: Date) => Promise<T>): Promise<T> {
  const now = new Date();
  const deadline = now.getTime() + PATIENCE_MS;
  return withRunOptions({ lane: 'rest', signal: currentSignal(), deadline }, () => work(now));
}
