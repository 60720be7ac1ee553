import { StreamPolicyRepository } from '@app/persistence';
import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { StreamPoliciesService } from './stream-policies.service.js';

/** Managing stream policies: needs the database, no models. */
@Module({
  providers: [
    {
      provide: StreamPolicyRepository,
      inject: [DataSource],
      useFactory: (source: DataSource) => new StreamPolicyRepository(source),
    },
    StreamPoliciesService,
  ],
  exports: [StreamPoliciesService],
})
export class StreamPoliciesModule {}
