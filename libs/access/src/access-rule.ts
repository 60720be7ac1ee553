import type { ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { RequiredScope } from './scope.js';

/** Metadata of a handler or controller. */
export const ACCESS_RULE = 'tidecast:access';
/** The scope that an operation needs, or that it is for everybody. */
export type AccessRule = RequiredScope | 'public';

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What the handler of a request needs: what it or its controller says, else `read` to read and `admin` for the rest. */
export function ruleOf(reflector: Reflector, context: ExecutionContext): AccessRule {
  const said = reflector.getAllAndOverride<AccessRule | undefined>(ACCESS_RULE, [
    context.getHandler(),
    context.getClass(),
  ]);
  return said ?? (isReading(context.switchToHttp().getRequest<FastifyRequest>()) ? 'read' : 'admin');
}

/** Whether a request changes nothing, by its method. */
export function isReading(request: FastifyRequest): boolean {
  return READING.has(request.method);
}
