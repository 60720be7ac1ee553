import { StreamingModule } from '@app/streaming';
import { Module } from '@nestjs/common';

import { IngestService } from './ingest.service.js';
import { ObservationDoorModule } from './observation-door.module.js';

/** The ingest role: the door, the consumer, the outbox relay. Needs ENV, LOGGER and TypeORM's DataSource. */
@Module({
  imports: [StreamingModule, ObservationDoorModule],
  providers: [IngestService],
  exports: [IngestService],
})
export class IngestModule {}
