import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { ruleOf } from './access-rule.js';
import { accessOf } from './admission.js';

/** Lets a caller to a handler only with the scope that it needs; on every handler of every role. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  /** @throws PlatformError SCOPE_MISSING. */
  canActivate(context: ExecutionContext): boolean {
    const rule = ruleOf(this.reflector, context);
    if (rule !== 'public') accessOf(context.switchToHttp().getRequest<FastifyRequest>()).requireScope(rule);
    return true;
  }
}
