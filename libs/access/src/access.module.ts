import { Global, Module, type Provider } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { ApiKeyRepository, AuditRepository } from '@app/persistence';
import { DataSource } from 'typeorm';
import { AuditInterceptor } from './audit.interceptor.js';
import { KeyRing } from './key-ring.js';
import { KEY_VERIFIER } from './key-verifier.js';
import { RoleKey } from './role-key.js';

/** Keys and audit of a process that has a database. Needs LOGGER and TypeORM's DataSource. */
@Global()
@Module({
  providers: [
    ...[ApiKeyRepository, AuditRepository].map(repository),
    KeyRing,
    RoleKey,
    { provide: KEY_VERIFIER, useExisting: KeyRing },
    { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
  ],
  exports: [ApiKeyRepository, AuditRepository, RoleKey, KEY_VERIFIER],
})
export class AccessModule {}

function repository(type: new (dataSource: DataSource) => object): Provider {
  return { provide: type, inject: [DataSource], useFactory: (dataSource: DataSource) => new type(dataSource) };
}
