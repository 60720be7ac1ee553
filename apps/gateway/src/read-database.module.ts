import { ENV, type Env } from '@app/config';
import { ReadDatabase } from '@app/persistence';
import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** Connections that only read, for all who answer questions. Needs ENV and TypeORM's DataSource. */
@Module({
  providers: [
    {
      provide: ReadDatabase,
      inject: [DataSource, ENV],
      useFactory: ({ options }: DataSource, { READ_TIMEOUT_SECONDS }: Env) =>
        new ReadDatabase(options, READ_TIMEOUT_SECONDS),
    },
  ],
  exports: [ReadDatabase],
})
export class ReadDatabaseModule {}
