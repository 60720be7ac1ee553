import { JobRepository } from '@app/persistence';
import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { JobsService } from './jobs.service.js';
import { RunStarter } from './run-starter.js';

/** Managing schedules: needs the database, no models. */
@Module({
  providers: [
    { provide: JobRepository, inject: [DataSource], useFactory: (source: DataSource) => new JobRepository(source) },
    RunStarter,
    JobsService,
  ],
  exports: [JobsService, RunStarter],
})
export class JobsModule {}
