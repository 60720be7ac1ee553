import { StreamingModule } from '@app/streaming';
import { Module } from '@nestjs/common';
import { DeadLettersController } from '../dead-letters/dead-letters.controller.js';
import { StoredDeadLetters } from '../dead-letters/stored-dead-letters.js';
import { StreamReader } from './stream-reader.js';
import { StreamsController } from './streams.controller.js';

/** Health of the streams, and the records that fell out of them. */
@Module({
  imports: [StreamingModule],
  controllers: [StreamsController, DeadLettersController],
  providers: [StreamReader, StoredDeadLetters],
})
export class StreamsModule {}
