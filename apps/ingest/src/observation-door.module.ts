import { ENV, type Env } from '@app/config';
import { OBSERVATION_LOG, RecordFormats, StreamingModule, type ObservationLog } from '@app/streaming';
import { Module } from '@nestjs/common';

import { maxFutureMs } from './max-future.js';
import { ObservationIntake } from './observation-intake.js';
import { ObservationController } from './observation.controller.js';
import { PrometheusWriteController, RemoteWriteController } from './remote-write/remote-write.controller.js';

/** `POST /observations` and Prometheus' remote write, for any process that serves HTTP: it needs the log, not the consumer. */
@Module({
  imports: [StreamingModule],
  controllers: [ObservationController, RemoteWriteController, PrometheusWriteController],
  providers: [
    {
      provide: ObservationIntake,
      inject: [OBSERVATION_LOG, ENV],
      useFactory: (log: ObservationLog, env: Env) =>
        new ObservationIntake(log, env.OBSERVATIONS_TOPIC, maxFutureMs(env.MAX_FUTURE), new RecordFormats(env)),
    },
  ],
})
export class ObservationDoorModule {}
