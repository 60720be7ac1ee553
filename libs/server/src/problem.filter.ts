import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Logger } from '@app/observability';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorForms } from './error-forms.js';
import { isOurFault, problemOf } from './problem.js';
import { contextOf, traceId } from './request-context.js';

/** Seconds that a client is told to wait when the error does not know better. */
const RETRY_AFTER_SECONDS: Readonly<Record<number, number>> = { 429: 1, 503: 5 };

/** Where an answer's form and the log come from. */
interface Teller {
  readonly logger: Logger;
  readonly forms: ErrorForms;
}

/**
 * Turns everything that was thrown into `application/problem+json`, or into the form that the API of that path has; what is our
 * fault goes to the log whole.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    readonly logger: Logger,
    readonly forms: ErrorForms,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(this, thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

/** Answers a request with the problem; for what goes wrong before Nest sees it, too. */
export function sendProblem(
  { logger, forms }: Teller,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const trace = traceId(contextOf(request));
  const problem = problemOf(thrown, request.url);
  if (isOurFault(problem.code)) {
    logger.error({ err: thrown, code: problem.code, trace_id: trace, url: request.url }, problem.detail);
  }
  // The head of a streamed answer may be out already: then only ending it is left.
  if (reply.sent || reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  const asked = problem['retry_after_seconds'];
  const wait = typeof asked === 'number' ? asked : RETRY_AFTER_SECONDS[problem.status];
  if (wait !== undefined) reply.header('retry-after', wait);
  const form = forms.of(request.url);
  if (form) {
    const { status = problem.status, body } = form.render(problem);
    reply.code(status).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(body));
    return;
  }
  reply
    .code(problem.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send(JSON.stringify({ ...problem, trace_id: trace }));
}
