import { AccessModule } from '@app/access';
import { Module } from '@nestjs/common';
import { AuditController } from './audit.controller.js';
import { KeysController } from './keys.controller.js';

/** Keys and audit over REST. */
@Module({ imports: [AccessModule], controllers: [KeysController, AuditController] })
export class AccessApiModule {}
