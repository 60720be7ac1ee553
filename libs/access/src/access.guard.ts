import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { accessOf } from './admission.js';
import { ACCESS_RULE, type AccessRule } from './require-scope.decorator.js';

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Lets a caller to a handler only with the scope that it needs; on every handler of every role. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  /** @throws PlatformError SCOPE_MISSING. */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const rule = this.reflector.getAllAndOverride<AccessRule | undefined>(ACCESS_RULE, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (rule === 'public') return true;
    accessOf(request).requireScope(rule ?? (READING.has(request.method) ? 'read' : 'admin'));
    return true;
  }
}
