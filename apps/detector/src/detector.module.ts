import { StreamingModule } from '@app/streaming';
import { Module } from '@nestjs/common';

import { DetectorService } from './detector.service.js';

/** The detector role: the consumer, and webhooks on their way out. Needs ENV, LOGGER and TypeORM's DataSource. */
@Module({
  imports: [StreamingModule],
  providers: [DetectorService],
  exports: [DetectorService],
})
export class DetectorModule {}
