import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { PlatformError } from '@app/observability';
import { AuditRepository } from '@app/persistence';
import type { FastifyRequest } from 'fastify';
import { catchError, from, mergeMap, throwError, type Observable } from 'rxjs';
import { isReading, ruleOf } from './access-rule.js';
import { accessOf } from './admission.js';

/** Longer bodies are not kept: the path and the ids say what was changed. */
const LONGEST_BODY = 4_096;
/** Members of a body that are nobody's to read later. */
const SECRET = /secret|password|token/i;

/** Writes down every change that needs the scope `admin`: before it is made, so that none goes unseen, and what became of it. */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly audit: AuditRepository,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (ruleOf(this.reflector, context) !== 'admin' || isReading(request)) return next.handle();
    return from(this.#begin(request)).pipe(
      mergeMap((eventId) =>
        next.handle().pipe(
          catchError((error: unknown) =>
            from(this.audit.end(eventId, error instanceof PlatformError ? error.code : 'INTERNAL')).pipe(
              mergeMap(() => throwError(() => error)),
            ),
          ),
          mergeMap(async (answer: unknown) => {
            await this.audit.end(eventId, 'ok', idsOf(answer));
            return answer;
          }),
        ),
      ),
    );
  }

  #begin(request: FastifyRequest): Promise<string> {
    const { caller } = accessOf(request);
    return this.audit.begin({
      caller: caller.kind,
      keyId: caller.keyId,
      name: caller.name,
      address: caller.address,
      action: `${request.method} ${request.routeOptions.url ?? ''}`,
      target: request.url.split('?', 1)[0] ?? '',
      details: bodyToKeep(request.body),
      traceId: request.headers.traceparent?.toString().slice(3, 35) ?? null,
    });
  }
}

function bodyToKeep(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return {};
  const text = JSON.stringify(body, (key, value: unknown) => (SECRET.test(key) ? '…' : value));
  return text.length > LONGEST_BODY ? {} : { body: JSON.parse(text) };
}

/** The ids in an answer: of what was made. */
function idsOf(answer: unknown): Record<string, string> {
  if (typeof answer !== 'object' || answer === null) return {};
  const ids = Object.entries(answer).filter(([key, value]) => key.endsWith('_id') && typeof value === 'string');
  return Object.fromEntries(ids);
}
