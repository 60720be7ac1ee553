import { applyDecorators, createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { ACCESS_RULE } from './access-rule.js';
import type { Access } from './access.js';
import { PUBLIC_ROUTE, accessOf } from './admission.js';
import type { RequiredScope } from './scope.js';

/**
 * The scope that a key needs for an operation, on a handler or on a controller for all of its handlers. Without it reading
 * methods need `read` and all others `admin`.
 */
export function RequireScope(scope: RequiredScope): ClassDecorator & MethodDecorator {
  return SetMetadata(ACCESS_RULE, scope);
}

/** For an operation that answers everybody, with or without a key: it must tell nothing about the data. */
export function PublicAccess(): MethodDecorator {
  return applyDecorators(SetMetadata(ACCESS_RULE, 'public'), RouteConfig(PUBLIC_ROUTE.config));
}

/** The access of the caller, as a parameter of a handler: `list(@CurrentAccess() access: Access)`. */
export const CurrentAccess = createParamDecorator((_data: unknown, context: ExecutionContext): Access =>
  accessOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
