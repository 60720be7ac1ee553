import { ErrorForms } from '@app/server';
import { Module } from '@nestjs/common';
import { fastApiError } from './api-error.js';
import { DialectForecaster } from './dialect-forecaster.js';
import { KServeController } from './kserve/kserve.controller.js';
import { isKServePath, kserveError } from './kserve/kserve-error.js';
import { InferBodyParser } from './open-inference/infer-body-parser.js';
import {
  isOpenInferencePath,
  OpenInferenceController,
  openInferenceError,
} from './open-inference/open-inference.controller.js';
import { isTimeGptPath, TimeGptController } from './timegpt/timegpt.controller.js';
import { isWatsonxPath, WatsonxController } from './watsonx/watsonx.controller.js';

/** APIs of other forecasting services, spoken to their own clients. Needs FORECAST_CLIENT and ENV. */
@Module({
  controllers: [TimeGptController, KServeController, WatsonxController, OpenInferenceController],
  providers: [DialectForecaster, InferBodyParser],
})
export class DialectsModule {
  constructor(forms: ErrorForms) {
    forms.add({ covers: isTimeGptPath, render: fastApiError });
    forms.add({ covers: isWatsonxPath, render: fastApiError });
    forms.add({ covers: isKServePath, render: kserveError });
    // What is left of /v2.
    forms.add({ covers: isOpenInferencePath, render: openInferenceError });
  }
}
