import { ApiProblems } from '@app/server';
import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { streamHealth, type StreamHealth } from './stream.schema.js';
import { StreamReader } from './stream-reader.js';

/** Health of the streams. */
@ApiTags('streams')
@Controller('streams')
export class StreamsController {
  constructor(private readonly reader: StreamReader) {}

  @Get()
  @ApiOperation({ summary: 'How far each consumer group is behind, and how much waits or could not be used.' })
  @ApiResponse({ status: 200, standardSchema: streamHealth })
  @ApiProblems('LOG_UNAVAILABLE', 'DATABASE_UNAVAILABLE')
  read(): Promise<StreamHealth> {
    return this.reader.read();
  }
}
