import { AccessModule, RoleKey } from '@app/access';
import { Module, type DynamicModule } from '@nestjs/common';

import { FORECAST_CLIENT } from './forecast-client.js';
import { HttpForecastClient } from './http-forecast-client.js';

/** Gives FORECAST_CLIENT to a process that has no forecaster of its own. */
@Module({})
export class ForecastClientModule {
  /** @param url base of the forecaster, `http://forecaster:8080`. */
  static overHttp(url: string): DynamicModule {
    return {
      module: ForecastClientModule,
      global: true,
      imports: [AccessModule],
      providers: [
        {
          provide: FORECAST_CLIENT,
          inject: [RoleKey],
          useFactory: (key: RoleKey) => new HttpForecastClient(url, { credentials: () => key.headers() }),
        },
      ],
      exports: [FORECAST_CLIENT],
    };
  }
}
